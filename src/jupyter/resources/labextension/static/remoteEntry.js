// Opens .lakebook files as notebooks in JupyterLab: they are notebooks by another name.
(() => {
  const plugin = {
    id: 'lakebook:file-type',
    description: 'Opens .lakebook files as notebooks.',
    autoStart: true,
    activate: app => {
      app.docRegistry.addFileType(
        {
          name: 'lakebook',
          displayName: 'Lakebook',
          mimeTypes: ['application/x-ipynb+json'],
          extensions: ['.lakebook'],
          contentType: 'notebook',
          fileFormat: 'json',
        },
        ['Notebook'],
      );
    },
  };
  const modules = { './extension': () => ({ __esModule: true, default: [plugin] }) };
  // What JupyterLab loads is a container of webpack's module federation; this one has a single module and shares none.
  globalThis._JUPYTERLAB ??= {};
  globalThis._JUPYTERLAB.lakebook = {
    init: () => undefined,
    get: async name => modules[name],
  };
})();
