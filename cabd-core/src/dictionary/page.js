(() => {
  const radios = document.querySelectorAll('input[name="lang"]');
  const show = (radio) => {
    document.documentElement.lang = radio.value;
    document.title = radio.dataset.title;
  };
  // The same place in the other language.
  const follow = (radio) => {
    show(radio);
    const id = decodeURIComponent(location.hash.slice(1)).replace(/^fr-/, '');
    if (id) location.replace('#' + (radio.value === 'fr' ? 'fr-' : '') + id);
  };
  const choose = (lang) => {
    const radio = document.getElementById('lang-' + lang);
    if (radio) { radio.checked = true; show(radio); }
  };
  if (location.hash.startsWith('#fr-')) choose('fr');
  else if (!location.hash && (navigator.language || '').toLowerCase().startsWith('fr')) choose('fr');
  radios.forEach((radio) => radio.addEventListener('change', () => follow(radio)));
  if (location.hash) location.replace(location.hash);
})();
