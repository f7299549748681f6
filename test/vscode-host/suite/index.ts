import * as activation from './activation.ts';
import * as cells from './cells.ts';
import * as serializer from './serializer.ts';

/** What a file of the suite exports: functions by what they prove. */
export type Tests = Readonly<Record<string, () => Promise<void>>>;

const files: Readonly<Record<string, Tests>> = {
  activation: activation.tests,
  serializer: serializer.tests,
  cells: cells.tests,
};

/** Called by the editor in its extension host. @throws when a test failed, which makes the editor end with code 1 */
export async function run(): Promise<void> {
  const failed: string[] = [];
  for (const [file, tests] of Object.entries(files)) {
    for (const [name, test] of Object.entries(tests)) {
      try {
        await test();
        console.log(`  ok    ${file}: ${name}`);
      } catch (error) {
        failed.push(`${file}: ${name}`);
        console.error(`  FAIL  ${file}: ${name}\n${(error as Error).stack}`);
      }
    }
  }
  if (failed.length > 0) throw new Error(`${failed.length} failed: ${failed.join('; ')}`);
}
