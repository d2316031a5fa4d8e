import './main.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <h1 className="p-8 text-xl font-semibold">Millrace</h1>
    </StrictMode>,
  );
}
