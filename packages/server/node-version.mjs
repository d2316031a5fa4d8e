// An older Node dies of this code with a syntax error or a segfault, so say what is wrong before anything loads.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 15)) {
  console.error(`Millrace needs Node 22.15 or newer; this is Node ${process.versions.node} (${process.execPath}).`);
  console.error('In a checkout, `npm start`, `npm run …` and `npx millrace` bring their own Node on Linux x64.');
  process.exit(1);
}
