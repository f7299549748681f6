// Makes one change of ../filesystem/changes.ts and says so; kills itself before a call of the disk. Argument: a Job.
import { changes } from '../filesystem/changes.ts';
import { killSelfAt } from '../support/disk-calls.ts';
import { OpenLake } from '../support/lakes.ts';
import { waitForGo } from '../support/processes.ts';

export interface Job {
  readonly folder: string;
  /** A name of ../filesystem/changes.ts. */
  readonly change: string;
  readonly killAt: number;
}

const { folder, change, killAt } = JSON.parse(process.argv[2]!) as Job;
const open = await OpenLake.open(folder);
await waitForGo();
killSelfAt(folder, killAt);
await changes[change]!(open);
process.stdout.write('acknowledged\n');
// Killed here it has done everything.
process.kill(process.pid, 'SIGKILL');
