// The YAML parser as a module of its own, which is imported when there is a file to parse (scripts/build.mjs: names of a
// CommonJS package that is imported by `import()` would be missing in the bundles).
export { isAlias, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
