import type { RestSettings } from './settings.ts';

const prefix = '/v1/{prefix}';
const namespace = `${prefix}/namespaces/{namespace}`;
const table = `${namespace}/tables/{table}`;
const view = `${namespace}/views/{view}`;

/** Names of what a server can do, as it lists them in its configuration. */
export const endpoints = {
  listNamespaces: `GET ${prefix}/namespaces`,
  createNamespace: `POST ${prefix}/namespaces`,
  loadNamespace: `GET ${namespace}`,
  namespaceExists: `HEAD ${namespace}`,
  dropNamespace: `DELETE ${namespace}`,
  updateNamespace: `POST ${namespace}/properties`,
  listTables: `GET ${namespace}/tables`,
  createTable: `POST ${namespace}/tables`,
  registerTable: `POST ${namespace}/register`,
  loadTable: `GET ${table}`,
  tableExists: `HEAD ${table}`,
  updateTable: `POST ${table}`,
  dropTable: `DELETE ${table}`,
  loadCredentials: `GET ${table}/credentials`,
  renameTable: `POST ${prefix}/tables/rename`,
  commitTransaction: `POST ${prefix}/transactions/commit`,
  listViews: `GET ${namespace}/views`,
  createView: `POST ${namespace}/views`,
  loadView: `GET ${view}`,
  viewExists: `HEAD ${view}`,
  updateView: `POST ${view}`,
  dropView: `DELETE ${view}`,
  renameView: `POST ${prefix}/views/rename`,
} as const;

export type Endpoint = (typeof endpoints)[keyof typeof endpoints];

/** What the specification says of a server that doesn't list its endpoints. */
const assumed: readonly Endpoint[] = [
  endpoints.listNamespaces,
  endpoints.createNamespace,
  endpoints.loadNamespace,
  endpoints.dropNamespace,
  endpoints.updateNamespace,
  endpoints.listTables,
  endpoints.createTable,
  endpoints.registerTable,
  endpoints.loadTable,
  endpoints.updateTable,
  endpoints.dropTable,
  endpoints.renameTable,
  endpoints.commitTransaction,
];

const ofViews: readonly Endpoint[] = [
  endpoints.listViews,
  endpoints.createView,
  endpoints.loadView,
  endpoints.updateView,
  endpoints.dropView,
  endpoints.renameView,
];

/** @param listed `endpoints` of the server's configuration */
export function supportedEndpoints(listed: unknown, settings: RestSettings): ReadonlySet<string> {
  const names = Array.isArray(listed) ? listed.filter(item => typeof item === 'string') : [];
  if (names.length > 0) return new Set(names.map(name => name.trim().replace(/\s+/, ' ')));
  return new Set([...assumed, ...(settings.flag('view-endpoints-supported', false) ? ofViews : [])]);
}
