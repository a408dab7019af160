// The script of Hydrogen's page: puts the views of hydrogen-view-sdk together to the client that Hydrogen is.
import { createNavigation, createRouter, FeatureSet, Platform, RootViewModel } from 'hydrogen-view-sdk';

const platform = new Platform({
  container: document.body,
  assetPaths: {
    downloadSandbox: 'download-sandbox.html',
    worker: 'main.js',
    olm: { wasm: 'olm.wasm', wasmBundle: 'olm.js', legacyBundle: 'olm_legacy.js' },
    serviceWorker: 'sw.js',
  },
  configURL: 'config.json',
  options: { development: false },
});
const navigation = createNavigation();
platform.setNavigation(navigation);
await platform.init();
const urlRouter = createRouter({ navigation, history: platform.history });
urlRouter.attach();
const features = await FeatureSet.load(platform.settingsStorage);
const root = new RootViewModel({ platform, urlRouter, navigation, features });
await root.load();
platform.createAndMountRootView(root);
