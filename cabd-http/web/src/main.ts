import { mount } from 'svelte';
import './styles/page.css';
import App from './App.svelte';

const target = document.getElementById('page');
if (target) mount(App, { target });

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  addEventListener('load', () => {
    // Without one the page works, only not without a network.
    navigator.serviceWorker.register(new URL('sw.js', document.baseURI)).catch(() => undefined);
  });
}
