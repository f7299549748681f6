import { messagingVersion } from './message.ts';

/** What `kernel_info_request` is answered with. */
export function kernelInfo(version: string): Readonly<Record<string, unknown>> {
  return {
    protocol_version: messagingVersion,
    implementation: 'lakebook',
    implementation_version: version,
    language_info: {
      name: 'sql',
      version,
      mimetype: 'text/x-sql',
      file_extension: '.sql',
      pygments_lexer: 'sql',
      codemirror_mode: 'sql',
    },
    banner: `Lakebook ${version}: SQL on Apache Iceberg tables. Lines that begin with %lake are in the lake language; \`%lake help\` explains it.`,
    help_links: [],
    debugger: false,
    supported_features: [],
  };
}
