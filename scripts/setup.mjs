import { build, fail, setup } from './lib/setup.mjs';

try {
  build(setup());
  console.error(
    'Ready. `npm start` runs the tour, `npm test` the tests, `npx lakebook help` lists the commands.',
  );
} catch (error) {
  fail(error);
}
