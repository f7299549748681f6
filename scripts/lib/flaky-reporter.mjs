// A reporter of vitest: writes the tests that passed only when they were tried again, with what failed first, so that a
// second try never hides them.
import { writeFileSync } from 'node:fs';
import path from 'node:path';

export default class FlakyReporter {
  #flaky = [];

  onTestCaseResult(test) {
    if (!test.diagnostic()?.flaky) return;
    const first = test.result().errors?.[0]?.message ?? '';
    this.#flaky.push({ file: path.relative('.', test.module.moduleId), name: test.fullName, first });
  }

  onTestRunEnd() {
    const file = process.env.LAKEBOOK_FLAKY_FILE;
    if (file !== undefined) writeFileSync(file, JSON.stringify(this.#flaky));
  }
}
