// A process that passes S3 requests on to a port, each some milliseconds later, and counts what is answered.
// usage (forked): latency-proxy.ts TARGET_PORT MILLISECONDS; sends {endpoint}; answers any message with {bytes, requests}
import { FaultProxy } from '../test/faults/proxy.ts';

const [target, latencyMs] = process.argv.slice(2).map(Number);
const proxy = await FaultProxy.start(target!);
proxy.latencyMs = latencyMs!;
process.on('message', () => process.send!({ bytes: proxy.bytesAnswered, requests: proxy.count }));
process.on('disconnect', () => process.exit());
process.send!({ endpoint: proxy.endpoint });
