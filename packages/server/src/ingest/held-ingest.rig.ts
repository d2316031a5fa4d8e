import { createServer } from '../server.ts';

/** A server whose documents come to a halt where their embedding begins: what is told from there on is never written. */
const server = await createServer({
  instrument: {
    link: (link) => ({
      ...link,
      append(lease, sequence, events) {
        const held = events.some((event) => event.type === 'step.started' && event.data.name === 'embedding');
        return held ? new Promise(() => {}) : link.append(lease, sequence, events);
      },
    }),
  },
});
process.stdout.write(`${server.url}/?token=${await server.token({ sub: 'admin', roles: ['admin'] })}\n`);
