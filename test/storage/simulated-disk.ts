import { open } from 'node:fs/promises';

/** Makes writing whole files fail with ENOSPC once this process has written `bytes`, as a full disk does. */
export async function simulateFullDisk(bytes: number): Promise<void> {
  const handle = await open(process.execPath, 'r');
  const prototype = Object.getPrototypeOf(handle);
  await handle.close();
  const writeFile = prototype.writeFile;
  let left = bytes;
  prototype.writeFile = async function (data: Uint8Array) {
    await writeFile.call(this, data.subarray(0, Math.max(0, left)));
    left -= data.length;
    if (left < 0) {
      const message = 'ENOSPC: no space left on device, write';
      throw Object.assign(new Error(message), { code: 'ENOSPC', errno: -28, syscall: 'write' });
    }
  };
}
