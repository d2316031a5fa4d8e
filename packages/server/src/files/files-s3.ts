import { hash } from 'node:crypto';
import type { Clock } from '@millrace/protocol/clock';
import { MillraceError } from '@millrace/protocol/error';
import type { BlobRef } from '@millrace/protocol/json';
import { AwsClient } from 'aws4fetch';
import { noFile, refOf } from './file-ref.ts';
import type { Files } from './files.ts';

/** Where files are kept in S3, or in something that speaks its language. */
export interface S3Place {
  bucket: string;
  /** what all keys begin with; '' or ends in a slash */
  prefix: string;
  region: string;
  /** http(s)://host:port; without it Amazon's own of the region */
  endpoint?: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

export interface S3Options {
  clock: Clock;
  /** where files were kept before: it is asked for those that S3 does not have */
  before: Pick<Files, 'get'>;
  /** ms that one try may take, 30,000 by default */
  timeout?: number;
}

/** ms before each further try; S3 asks for patience with 503 */
const WAITS = [100, 400, 1_600] as const;
const TIMEOUT = 30_000;
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * Files as objects of a bucket, named by tenant and SHA-256. A try that fails for a passing reason is made again.
 * Errors beside those of {@link Files}: `storage_unavailable`, with what to do about it.
 */
export class S3Files implements Files {
  readonly #place: S3Place;
  readonly #options: S3Options;
  readonly #aws: AwsClient;
  readonly #endpoint: string;

  constructor(place: S3Place, options: S3Options) {
    const { accessKeyId, secretAccessKey, sessionToken, region, endpoint } = place;
    this.#place = place;
    this.#options = options;
    this.#endpoint = (endpoint ?? `https://s3.${region}.amazonaws.com`).replace(/\/+$/, '');
    this.#aws = new AwsClient({
      ...{ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 },
      ...(sessionToken === undefined ? {} : { sessionToken }),
    });
  }

  async put(tenant: string, bytes: Uint8Array, type: string): Promise<BlobRef> {
    const ref = refOf(bytes, type);
    const answer = await this.#ask('PUT', tenant, ref.$blob, {
      headers: { 'x-amz-content-sha256': ref.$blob, 'x-amz-meta-type': encodeURIComponent(type.toWellFormed()) },
      // A view of memory that others may share cannot be sent.
      body: new Uint8Array(bytes),
    });
    if (answer.status !== 200) throw this.#refusal(answer);
    return ref;
  }

  async get(tenant: string, sha256: string): Promise<{ bytes: Uint8Array; type: string }> {
    if (!SHA256.test(sha256)) throw noFile(sha256);
    const answer = await this.#ask('GET', tenant, sha256, { headers: { 'x-amz-content-sha256': hash('sha256', '') } });
    if (answer.status === 404 && answer.code !== 'NoSuchBucket') return this.#options.before.get(tenant, sha256);
    if (answer.status !== 200) throw this.#refusal(answer);
    if (hash('sha256', answer.bytes, 'hex') !== sha256) {
      throw this.#unavailable(`has other bytes under ${sha256} than were put there. Restore the object.`);
    }
    return { bytes: answer.bytes, type: answer.type };
  }

  async #ask(method: string, tenant: string, sha256: string, init: RequestInit): Promise<Answer> {
    const { bucket, prefix } = this.#place;
    const url = `${this.#endpoint}/${bucket}/${prefix}${segmentOf(tenant)}/${sha256}`;
    for (let tries = 0; ; tries++) {
      const wait = WAITS[tries];
      try {
        const answer = await this.#try(url, { ...init, method });
        if (wait === undefined || (answer.status < 500 && answer.status !== 429)) return answer;
      } catch (error) {
        if (wait === undefined) throw this.#silence(error);
      }
      await new Promise<void>((resolve) => this.#options.clock.after(wait, resolve));
    }
  }

  async #try(url: string, init: RequestInit): Promise<Answer> {
    const { clock, timeout = TIMEOUT } = this.#options;
    const abort = new AbortController();
    const cancel = clock.after(timeout, () => abort.abort(new Error(`no answer within ${timeout / 1_000} s`)));
    try {
      const datetime = new Date(clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, '');
      const response = await this.#aws.fetch(url, { ...init, signal: abort.signal, aws: { datetime } });
      const bytes = Buffer.from(await response.arrayBuffer());
      const { status, headers } = response;
      const type = decodeURIComponent(headers.get('x-amz-meta-type') ?? 'application/octet-stream');
      const code = status === 200 ? '' : (/<Code>(\w+)<\/Code>/.exec(bytes.toString())?.[1] ?? '');
      return { status, bytes, type, code };
    } finally {
      cancel();
    }
  }

  #refusal({ status, code }: Answer): MillraceError {
    const { bucket } = this.#place;
    const said = `${status}${code && ` ${code}`}`;
    if (status === 401 || status === 403) {
      return this.#unavailable(
        `refuses access to the bucket "${bucket}" (${said}). Mend AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or let ` +
          'them s3:GetObject, s3:PutObject and s3:ListBucket.',
      );
    }
    if (status === 404) {
      return this.#unavailable(`has no bucket "${bucket}" (${said}). Create it, or mend MILLRACE_BLOBS.`);
    }
    const fix =
      status >= 500 || status === 429 ? 'Wait; it is asked again.' : 'Look at AWS_REGION and AWS_ENDPOINT_URL.';
    return this.#unavailable(`answers ${said}. ${fix}`);
  }

  #silence(error: unknown): MillraceError {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    // A name with several addresses fails with one error for each, and a message of its own that is empty.
    const reason = cause instanceof Error ? cause.message || String(Reflect.get(cause, 'code')) : String(cause);
    return this.#unavailable(`does not answer: ${reason}. Look at AWS_ENDPOINT_URL and the network.`, error);
  }

  #unavailable(what: string, cause?: unknown): MillraceError {
    return new MillraceError('storage_unavailable', { detail: `S3 at ${this.#endpoint} ${what}`, cause });
  }
}

interface Answer {
  status: number;
  bytes: Uint8Array;
  type: string;
  /** S3's name of the error */
  code: string;
}

/** A tenant's name as one segment of a path, whatever it holds. */
function segmentOf(tenant: string): string {
  return /^[\w-]+$/.test(tenant) ? tenant : `~${Buffer.from(tenant.toWellFormed()).toString('base64url')}`;
}
