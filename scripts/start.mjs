// The main job on a fresh clone: set-up, then the tour notebook on the embedded default lake.
import { build, fail, root, run, setup, toolEnvironment } from './lib/setup.mjs';

try {
  const node = setup();
  build(node);
  const result = run(node, ['bin/lakebook', 'run', 'samples/tour.lakebook', ...process.argv.slice(2)], {
    env: toolEnvironment(node),
    allowFailure: true,
  });
  if (result.status !== 0) process.exit(result.status ?? 1);
  console.log(`
The tables are real Iceberg tables in samples/.lakebook; any Iceberg engine can open them.
Next steps:
  npx lakebook sql "SELECT * FROM sales" --lake samples    query them from the shell
  npx lakebook help                                        all commands
To work in VS Code: \`npm run package\`, install the .vsix it names with
"Extensions: Install from VSIX...", open the folder ${root}/samples and then tour.lakebook.`);
} catch (error) {
  fail(error);
}
