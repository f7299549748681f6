export { copy } from './copy.ts';
export { createView } from './create-view.ts';
export { describe } from './describe.ts';
export { explainQuery } from './explain.ts';
export { runOther } from './other.ts';
export { runQuery } from './run-query.ts';
export { show } from './show.ts';
export { use } from './use.ts';
