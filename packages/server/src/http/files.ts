import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { FILE_LIMIT } from '../files/files.ts';
import { principalOf } from './guard.ts';
import type { Parts } from './parts.ts';
import { blobRef, problems } from './schemas.ts';

const tags = ['files'];
const OCTETS = 'application/octet-stream';
/** Types that a browser may show; anything that could run as a page is only ever downloaded. */
const shown =
  /^(image\/(png|jpeg|gif|webp|avif)|text\/(plain|markdown|csv)|application\/(json|pdf)|(audio|video)\/[\w.-]+)$/;
const mediaType = /^[\w.+-]+\/[\w.+-]+(; *[\w-]+=("[^"\r\n]*"|[\w.+-]+))*$/;

export const files =
  ({ files: blobs }: Parts): FastifyPluginAsyncZod =>
  async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: FILE_LIMIT }, (_request, body, done) =>
      done(null, body),
    );

    app.put(
      '/api/files',
      {
        bodyLimit: FILE_LIMIT,
        config: { access: ['run:append', 'run:act'], redacts: true },
        schema: {
          tags,
          summary: 'Store bytes once under their SHA-256; the Content-Type is kept',
          consumes: [OCTETS],
          response: { 200: blobRef, ...problems(400, 413) },
        },
      },
      async (request) => {
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const type = request.headers['content-type'] ?? OCTETS;
        return blobs.put(principalOf(request).tenant, body, mediaType.test(type) ? type : OCTETS);
      },
    );

    app.get(
      '/api/files/:sha256',
      {
        config: { access: ['run:read'], limited: true, redacts: true },
        schema: {
          tags,
          summary: 'The bytes of a file or of a large value',
          params: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
          querystring: z.object({
            name: z.string().max(255).optional(),
            download: z.string().optional(),
            token: z.string().optional(),
          }),
          response: { ...problems(400, 404) },
        },
      },
      async (request, reply) => {
        const { sha256 } = request.params;
        const { name, download } = request.query;
        const etag = `"${sha256}"`;
        const { bytes, type } = await blobs.get(principalOf(request).tenant, sha256);
        reply
          .header('etag', etag)
          .header('cache-control', 'private, max-age=31536000, immutable')
          .header('x-content-type-options', 'nosniff')
          .header('content-security-policy', "default-src 'none'; sandbox")
          .header('content-disposition', disposition(download === undefined && shown.test(bare(type)), name));
        if (request.headers['if-none-match'] === etag) return reply.code(304).send();
        return reply.type(type).send(Buffer.from(bytes));
      },
    );
  };

const bare = (type: string): string => type.replace(/;.*/, '').trim().toLowerCase();

function disposition(inline: boolean, name: string | undefined): string {
  const kind = inline ? 'inline' : 'attachment';
  return name === undefined ? kind : `${kind}; filename*=UTF-8''${encodeURIComponent(name).replace(/['()*]/g, escape)}`;
}
