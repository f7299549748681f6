import type { Readable } from 'node:stream';
import multipart, { type MultipartFile } from '@fastify/multipart';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { FileOptions } from '../../lake/index.ts';
import { changeTable, timeoutOf } from '../change.ts';
import type { Gateway } from '../context.ts';
import { GatewayError } from '../http/problems.ts';
import {
  ChangeAnswer,
  content,
  IdempotencyHeader,
  IngestParams,
  problems,
  TableParams,
  type UploadFormat,
} from '../http/schemas.ts';
import { requireFewColumns } from '../ingest/columns.ts';
import { ingestUpload } from '../ingest/ingest.ts';
import { receive } from '../ingest/upload.ts';

const formatOfType: Readonly<Record<string, UploadFormat>> = {
  'text/csv': 'csv',
  'text/tab-separated-values': 'csv',
  'application/csv': 'csv',
  'application/x-ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'application/json': 'json',
  'application/vnd.apache.parquet': 'parquet',
  'application/vnd.apache.arrow.stream': 'arrow',
  'application/vnd.apache.arrow.file': 'arrow',
};
const formatOfExtension: Readonly<Record<string, UploadFormat>> = {
  csv: 'csv',
  tsv: 'csv',
  txt: 'csv',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  json: 'json',
  parquet: 'parquet',
  arrow: 'arrow',
  arrows: 'arrow',
};

interface Body {
  readonly stream: Readable;
  readonly format: UploadFormat;
  readonly encoding: string | undefined;
}

/** For the OpenAPI document: fastify itself has nothing to check of a stream. */
const documentedBody = {
  content: Object.fromEntries(
    Object.keys(formatOfType).map(type => [type, { schema: Type.String({ format: 'binary' }) }]),
  ),
};

export function ingestRoutes(gateway: Gateway): FastifyPluginAsyncTypebox {
  return async server => {
    const { limits, sessions, metrics } = gateway;
    // Bodies here are never read into memory, whatever they are.
    server.removeAllContentTypeParsers();
    await server.register(multipart, {
      limits: {
        fileSize: limits.uploadBytes,
        files: 1,
        fields: 0,
        parts: 1,
        headerPairs: 20,
        fieldNameSize: 100,
      },
    });
    server.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    let uploading = 0;
    server.post(
      '/ingest/:table',
      {
        config: { access: 'write', upload: true, documentedBody },
        schema: {
          summary: 'Load a file into a table',
          description:
            'The body is the file itself, or a multipart form with one file. It becomes visible with one commit, all of it or nothing.',
          operationId: 'ingest',
          tags: ['tables'],
          params: TableParams,
          querystring: IngestParams,
          headers: IdempotencyHeader,
          response: {
            200: content('application/json', ChangeAnswer, 'What was done'),
            ...problems(401, 404, 408, 409, 413, 415, 422),
          },
        },
      },
      async (request, reply) => {
        const { table } = request.params;
        const { query } = request;
        const { mode = 'append', create = false } = query;
        if (uploading >= limits.uploads) {
          throw new GatewayError(429, 'TOO_BUSY', 'Too many uploads are being received already.', {
            headers: { 'retry-after': '1' },
          });
        }
        uploading++;
        try {
          const stop = new AbortController();
          reply.raw.once('close', () => stop.abort());
          const body = await bodyOf(request, query.format);
          const upload = await receive(
            body.stream,
            body.encoding,
            body.format,
            sessions.uploads,
            limits,
            stop.signal,
          );
          try {
            metrics.bytesUploaded.inc(upload.bytes);
            const done = await changeTable(
              gateway,
              request,
              reply,
              table,
              timeoutOf(gateway, query.timeout),
              // A table that may have to be made is made by one.
              mode === 'append' && !create ? 'beside others' : 'alone',
              async (session, signal) => {
                await requireFewColumns(session, upload.path, body.format, limits.uploadColumns, signal);
                return ingestUpload(
                  session,
                  upload,
                  {
                    table,
                    mode,
                    create,
                    format: body.format,
                    fileOptions: fileOptionsOf(query),
                    ...(query.key === undefined ? {} : { key: listOf(query.key) }),
                    ...(query.on_error === undefined ? {} : { onError: query.on_error }),
                    ...(request.headers['idempotency-key'] === undefined
                      ? {}
                      : { idempotencyKey: request.headers['idempotency-key'] }),
                  },
                  signal,
                );
              },
            );
            if (!done.replayed) {
              metrics.rowsIngested.inc(done.rows_inserted + done.rows_updated);
              metrics.rowsRejected.inc(done.rows_rejected);
              if (done.snapshot_id !== null) metrics.commits.inc();
            }
            return await reply.send(done);
          } finally {
            await upload.remove();
          }
        } finally {
          uploading--;
        }
      },
    );
  };
}

async function bodyOf(request: FastifyRequest, asked: UploadFormat | undefined): Promise<Body> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
  const encoding = request.headers['content-encoding'];
  if (type === 'multipart/form-data') {
    let file: MultipartFile | undefined;
    try {
      file = await request.file();
    } catch (error) {
      throw new GatewayError(400, 'BODY_INVALID', `The form can't be read: ${(error as Error).message}.`);
    }
    if (file === undefined) throw new GatewayError(400, 'BODY_MISSING', 'The form has no file.');
    const extension = /\.(\w{1,10})$/.exec(file.filename ?? '')?.[1]?.toLowerCase() ?? '';
    const format = asked ?? formatOfExtension[extension] ?? formatOfType[file.mimetype.toLowerCase()];
    if (format === undefined) throw unknownFormat();
    return { stream: file.file, format, encoding };
  }
  const format = asked ?? (Object.hasOwn(formatOfType, type) ? formatOfType[type] : undefined);
  if (format === undefined) throw unknownFormat();
  const stream = request.body as Readable | undefined;
  if (stream === undefined || typeof stream.pipe !== 'function') {
    throw new GatewayError(400, 'BODY_MISSING', 'The request has no body.');
  }
  return { stream, format, encoding };
}

function unknownFormat(): GatewayError {
  return new GatewayError(415, 'UNSUPPORTED_MEDIA_TYPE', "The body's format isn't known.", {
    hint: `Send a Content-Type of ${Object.keys(formatOfType).join(', ')}; or say \`format=csv\`.`,
  });
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '');
}

function fileOptionsOf(query: {
  readonly delimiter?: string;
  readonly header?: boolean;
  readonly encoding?: string;
  readonly null_text?: string;
}): FileOptions {
  const { delimiter, header, encoding, null_text: nullText } = query;
  return {
    ...(delimiter === undefined ? {} : { delimiter }),
    ...(header === undefined ? {} : { header }),
    ...(encoding === undefined ? {} : { encoding }),
    ...(nullText === undefined ? {} : { nullText }),
  };
}
