// Writes the TypeScript of Spark Connect's messages (src/engine/remote/spark/proto/*_pb.ts) from the .proto files beside
// it. To be run after a change of those; the compiler and its plugin are fetched by npx and are no part of the project.
// usage: node scripts/spark-proto.mjs
import path from 'node:path';
import { npm, root } from './lib/setup.mjs';

const folder = path.join(root, 'src/engine/remote/spark/proto');
const packages = ['@bufbuild/buf@1.75.0', '@bufbuild/protoc-gen-es@2.17.0'];
const template = {
  version: 'v2',
  plugins: [
    {
      local: 'protoc-gen-es',
      out: folder,
      // The same syntax as all sources here: Node runs it as it is.
      opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
    },
  ],
};
npm([
  'exec',
  '--yes',
  ...packages.map(name => `--package=${name}`),
  '--',
  'buf',
  'generate',
  folder,
  '--template',
  JSON.stringify(template),
]);
