import { MillraceError } from '@millrace/protocol';
import { id, line } from '@millrace/protocol/field.schema';
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { keyHeader, keyOf } from './give-command.ts';
import { callerOf, principalOf } from './guard.ts';
import type { Parts } from './parts.ts';
import { documentTaken, foundChunks, problems } from './schemas.ts';

const tags = ['knowledge bases'];
/** characters that the ids of a knowledge base and of a document have together: their step is named after both */
const IDS_LIMIT = 199;
/** bytes of a document, and of the body that brings it */
export const DOCUMENT_LIMIT = 2 * 1024 * 1024;
const CHUNKS = 10;
const CHUNKS_LIMIT = 100;

const about = z.object({
  name: line.min(1).max(255).optional().describe("the file's name, where the body is the file itself"),
  documentId: id.optional().describe('the same id again replaces the document; default: the name'),
});
const facts = { fileName: line.min(1).max(255), documentId: id.optional() };
const given = z.union([
  z.strictObject({ ...facts, text: z.string().min(1), type: z.string().max(100).default('text/markdown') }),
  z.strictObject({ ...facts, file: z.string().regex(/^[0-9a-f]{64}$/, 'expected the SHA-256 of a stored file') }),
]);

interface Sent {
  fileName: string;
  documentId: string | undefined;
  type: string;
  bytes: Uint8Array;
}

/** Documents on their way into knowledge bases, and what can be found in them. */
export const documentRoutes =
  ({ engine, files, ingest, search }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.removeContentTypeParser('text/plain');
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: DOCUMENT_LIMIT }, (_request, body, done) =>
      done(null, body),
    );

    app.post(
      '/api/kb/:kbId/documents',
      {
        bodyLimit: DOCUMENT_LIMIT,
        config: { access: ['run:act'], redacts: true },
        schema: {
          tags,
          summary:
            'Take a document into a knowledge base: starts a run of the workflow `ingest`. The body is the file itself with its Content-Type and `?name=`, or JSON {fileName, text, type?} or {fileName, file: SHA-256 of a stored one}',
          consumes: ['application/octet-stream', 'application/json'],
          headers: keyHeader,
          params: z.object({ kbId: id }),
          querystring: about,
          response: { 202: documentTaken, ...problems(400, 403, 404, 409, 413, 422) },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request);
        const { fileName, documentId = fileName, type, bytes } = await sentIn(request, request.query);
        const { kbId } = request.params;
        if (kbId.length + documentId.length > IDS_LIMIT)
          throw refused(
            `The ids of knowledge base and document may have ${IDS_LIMIT} characters together. Give a shorter documentId.`,
          );
        if (bytes.length === 0) throw refused('The document is empty.');
        if (bytes.length > DOCUMENT_LIMIT) {
          const detail = `The document has ${bytes.length} bytes; at most ${DOCUMENT_LIMIT} are taken in.`;
          throw new MillraceError('payload_too_large', {
            detail,
            facts: { bytes: bytes.length, limit: DOCUMENT_LIMIT },
          });
        }
        const { $blob: sha256 } = await files.put(caller.tenant, bytes, type);
        await ingest(caller.tenant);
        const input = { kbId, documentId, fileName, type, bytes: bytes.length, sha256 };
        const { id: run, repeated } = await engine.create(caller, { workflow: 'ingest', input }, keyOf(request));
        return reply.code(202).header('location', `/api/runs/${run}`).send({ run, documentId, sha256, repeated });
      },
    );

    async function sentIn(request: FastifyRequest, query: z.infer<typeof about>): Promise<Sent> {
      const type = request.headers['content-type'] ?? 'application/octet-stream';
      if (type.startsWith('multipart/'))
        throw refused('Send the file itself as the body, not a form; its name as ?name=.');
      if (request.body === undefined || request.body === null || Buffer.isBuffer(request.body)) {
        if (query.name === undefined) throw refused("The file's name is missing: add ?name=.");
        return { fileName: query.name, documentId: query.documentId, type, bytes: request.body ?? Buffer.alloc(0) };
      }
      const { success, data, error } = given.safeParse(request.body);
      if (!success) throw refused(`Expected {fileName, text} or {fileName, file}: ${z.prettifyError(error)}`);
      const { fileName, documentId = query.documentId } = data;
      if ('text' in data) return { fileName, documentId, type: data.type, bytes: Buffer.from(data.text) };
      return { fileName, documentId, ...(await files.get(principalOf(request).tenant, data.file)) };
    }

    app.get(
      '/api/kb/:kbId/search',
      {
        config: { access: ['run:read'] },
        schema: {
          tags,
          summary: 'The chunks of its documents that say something about `q`, best first',
          params: z.object({ kbId: id }),
          querystring: z.object({
            q: z.string().trim().min(1).max(1_000),
            limit: z.coerce.number().int().min(1).max(CHUNKS_LIMIT).default(CHUNKS),
          }),
          response: { 200: foundChunks, ...problems(400, 403) },
        },
      },
      async (request) => search(principalOf(request).tenant, request.params.kbId, request.query.q, request.query.limit),
    );
  };

const refused = (detail: string) => new MillraceError('invalid_request', { detail });
