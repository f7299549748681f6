import fc from 'fast-check';

/*
 * Property-based tests draw the same inputs in every run, so that a run that failed can be repeated and one that passed
 * stays passed. LAKEBOOK_TEST_SEED sets another seed; `random` a new one for each run, which fast-check prints when
 * something fails.
 */
const asked = process.env.LAKEBOOK_TEST_SEED ?? '20261125';
if (asked !== 'random') fc.configureGlobal({ seed: Number(asked) });
