import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { FastifyPluginAsync } from 'fastify';

/** The page's files: Swagger UI's own, and one that starts it. Nothing comes from another server. */
const files = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
} as const;

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lakebook gateway</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;
const start = `window.ui = SwaggerUIBundle({ url: 'openapi.json', dom_id: '#ui', deepLinking: true, validatorUrl: null, persistAuthorization: false });\n`;

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The OpenAPI document and a page to try it in. They hold nothing of the lake, so they need no token. */
export function docsRoutes(): FastifyPluginAsync {
  return async server => {
    const folder = swaggerFolder();
    const config = { access: 'none' } as const;
    const schema = { hide: true };
    server.get('/openapi.json', { config, schema }, async (_request, reply) =>
      reply.type('application/json').send(server.swagger()),
    );
    server.get('/docs', { config, schema }, async (_request, reply) =>
      reply.type('text/html; charset=utf-8').header('content-security-policy', policy).send(page),
    );
    server.get('/docs/start.js', { config, schema }, async (_request, reply) =>
      reply.type('text/javascript; charset=utf-8').send(start),
    );
    for (const [name, type] of Object.entries(files)) {
      const content = readFileSync(path.join(folder, name));
      server.get(`/docs/${name}`, { config, schema }, async (_request, reply) =>
        reply.type(type).send(content),
      );
    }
  };
}

/** A build has the files beside it; the sources find the package. */
function swaggerFolder(): string {
  const built = path.join(import.meta.dirname, 'swagger-ui');
  if (existsSync(built)) return built;
  return path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
}
