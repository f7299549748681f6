// Bundles src/ and renderers/ into dist/: the command line, the kernel process, the gateway, the extension and the result renderer.
// usage: node scripts/build.mjs [--watch]
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as esbuild from 'esbuild';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const dist = path.join(root, 'dist');
const watch = process.argv.includes('--watch');

/** Packages with native code stay outside the bundles. */
const external = ['@duckdb/*', 'better-sqlite3', 'zeromq', 'vscode'];

const common = {
  absWorkingDir: root,
  bundle: true,
  outdir: dist,
  sourcemap: 'linked',
  logLevel: 'warning',
  legalComments: 'none',
  metafile: true,
};
const node = { ...common, platform: 'node', target: 'node22', external };

/**
 * Refuses `import('package')` of what goes into a bundle: there a CommonJS package has its names in `default` alone, while
 * the sources as they are find them all. A module of ours that exports them from the package is the same in both.
 */
const packagesByOurModules = {
  name: 'packages-by-our-modules',
  setup: build =>
    build.onResolve({ filter: /^[^./]/ }, ({ kind, path: name, importer }) => {
      const isOurs = kind === 'dynamic-import' && !importer.includes('node_modules');
      if (!isOurs || name.startsWith('node:') || isExternal(name)) return undefined;
      return { errors: [{ text: `import('${name}'): export its names from a module, and import that.` }] };
    }),
};

/**
 * `import * as vscode from 'vscode'` of each file made `require('vscode')`: what esbuild makes of it copies all names of
 * the editor's API into an object for each file, for the sake of a default export that the API doesn't have. That was
 * half of the time that the extension takes to load.
 */
const vscodeAsItIs = {
  name: 'vscode-as-it-is',
  setup: build =>
    build.onLoad({ filter: /\/src\/extension\/.*\.ts$/ }, async ({ path: file }) => ({
      contents: (await readFile(file, 'utf8')).replace(
        /^import \* as vscode from 'vscode';$/m,
        "import vscode = require('vscode');",
      ),
      loader: 'ts',
    })),
};

function isExternal(name) {
  return external.some(pattern => name === pattern || name.startsWith(pattern.replace('*', '')));
}

const builds = [
  {
    ...node,
    entryPoints: {
      cli: 'src/cli/main.ts',
      kernel: 'src/notebook/kernel-process.ts',
      gateway: 'src/gateway/main.ts',
    },
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    // What is imported only when it's needed (S3's client) stays in files of its own.
    splitting: true,
    plugins: [packagesByOurModules],
    chunkNames: 'chunk-[hash]',
    // CommonJS packages in the bundle ask for Node's own modules by require.
    banner: {
      js: "import { createRequire as createRequireForBundle } from 'node:module'; const require = createRequireForBundle(import.meta.url);",
    },
  },
  {
    ...node,
    // The editor compiles the whole file before it activates the extension: what is rarely needed is a file beside it.
    entryPoints: { extension: 'src/extension/extension.ts', yaml: 'src/catalog/yaml-package.ts' },
    plugins: [besideTheBundle('yaml-package.ts', 'yaml'), vscodeAsItIs],
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    define: { 'import.meta.url': 'undefined' },
    // Names stay, for stack traces in bug reports.
    minifySyntax: true,
    minifyWhitespace: true,
  },
  {
    ...common,
    entryPoints: { renderer: 'renderers/index.ts' },
    platform: 'browser',
    target: 'es2022',
    format: 'esm',
    minify: true,
    outExtension: { '.js': '.mjs' },
    loader: { '.css': 'text' },
  },
  {
    ...common,
    entryPoints: { history: 'renderers/history/view.ts' },
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    minify: true,
  },
].filter(options => Object.values(options.entryPoints).every(file => existsSync(path.join(root, file))));

/** Leaves a module that is loaded by `import()` out of a bundle, in whose folder it is an entry point of its own. */
function besideTheBundle(module, name) {
  return {
    name: `beside-the-bundle-${name}`,
    setup: build =>
      build.onResolve({ filter: new RegExp(`/${module.replace('.', '\\.')}$`) }, ({ kind }) =>
        kind === 'dynamic-import' ? { path: `./${name}.cjs`, external: true } : undefined,
      ),
  };
}

try {
  if (watch) {
    const contexts = await Promise.all(builds.map(options => esbuild.context(options)));
    await Promise.all(contexts.map(context => context.watch()));
    console.error('Watching...');
  } else {
    const start = Date.now();
    // The gateway's documentation page is Swagger UI, served from beside the bundle.
    for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js']) {
      cpSync(path.join(root, 'node_modules/swagger-ui-dist', name), path.join(dist, 'swagger-ui', name));
    }
    // What `lakebook jupyter install` puts into Jupyter's folders.
    cpSync(path.join(root, 'src/jupyter/resources'), path.join(dist, 'jupyter'), { recursive: true });
    const results = await Promise.all(builds.map(options => esbuild.build(options)));
    noteBundled(results.map(result => result.metafile));
    // Pieces of earlier builds have other names.
    for (const name of readdirSync(dist)) {
      const file = path.join(dist, name);
      if (/^chunk-\w+\.mjs/.test(name) && statSync(file).mtimeMs < start - 1000) rmSync(file);
    }
  }
} catch (error) {
  // esbuild has told each fault with its place already.
  if (!error.errors) throw error;
  process.exit(1);
}

/** Keeps the names of the packages in the bundles, for their licences, the bill of materials and the audit. */
function noteBundled(metafiles) {
  const packages = new Set(['node_modules/swagger-ui-dist']);
  for (const { inputs } of metafiles) {
    for (const file of Object.keys(inputs)) {
      const found = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file);
      if (found !== null) packages.add(found[0]);
    }
  }
  mkdirSync(path.join(root, '.artifacts'), { recursive: true });
  writeFileSync(
    path.join(root, '.artifacts', 'bundled.json'),
    `${JSON.stringify([...packages].sort(), undefined, 1)}\n`,
  );
}
