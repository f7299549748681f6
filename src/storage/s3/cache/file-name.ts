/** Tells the objects of all servers apart; Hadoop's schemes mean the same objects. */
export function addressKey(server: string, location: string): string {
  return `${server}\n${location.replace(/^s3[an]:/i, 's3:')}`;
}
