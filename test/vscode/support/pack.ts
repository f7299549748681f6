import { packVsix } from './judge.ts';

/** Packs the VSIX once for all files of the suite. */
export default async function setup(): Promise<void> {
  process.env.LAKEBOOK_VSIX = await packVsix();
}
