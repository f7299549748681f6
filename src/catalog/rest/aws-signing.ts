// The SDK's code as a module of its own, which is imported when a request is to be signed (scripts/build.mjs: names of a
// CommonJS package that is imported by `import()` would be missing in the bundles).
export { defaultProvider } from '@aws-sdk/credential-provider-node';
export { SignatureV4 } from '@smithy/signature-v4';
