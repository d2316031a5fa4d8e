import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

const server = `http://127.0.0.1:${process.env.PORT ?? 4600}`;

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { conditions: ['millrace:source', ...defaultClientConditions] },
  server: {
    port: 4601,
    proxy: {
      '/api': server,
      '/v1': server,
      '/ag-ui': server,
      '/live': { target: server, ws: true },
      '/ws': { target: server, ws: true },
      '/socket.io': { target: server, ws: true },
    },
  },
  build: { target: 'es2022', sourcemap: false, chunkSizeWarningLimit: 900 },
});
