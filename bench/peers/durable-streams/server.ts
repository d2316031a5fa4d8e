// The Node server of Durable Streams with its files (an append is answered after fdatasync). Argument: its folder.
import { DurableStreamTestServer } from '@durable-streams/server';

const [dataDir = ''] = process.argv.slice(2);
const server = new DurableStreamTestServer({ port: 0, host: '127.0.0.1', dataDir, compression: false });
await server.start();
console.log(`listens on ${new URL(server.url).port}.`);
