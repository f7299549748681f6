/** `npm run test:faults -- --long`: thousands of tries instead of dozens. */
export const long = process.env.LAKEBOOK_FAULTS === 'long';

/** How many processes change a table at once and how often each; `LAKEBOOK_FAULTS_SIZE=8x200` sets them. */
export const [writers, calls] = (process.env.LAKEBOOK_FAULTS_SIZE ?? (long ? '8x200' : '4x25'))
  .split('x')
  .map(Number) as [number, number];
