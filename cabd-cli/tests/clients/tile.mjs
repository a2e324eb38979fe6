// Reads a tile from a file and prints its layers as JSON: node tile.mjs FILE Z X Y
import { readFileSync } from 'node:fs';
import { VectorTile } from '@mapbox/vector-tile';
import Pbf from 'pbf';

const [file, z, x, y] = process.argv.slice(2);
const tile = new VectorTile(new Pbf(readFileSync(file)));
const layers = Object.values(tile.layers).map((layer) => ({
  name: layer.name,
  version: layer.version,
  extent: layer.extent,
  features: Array.from({ length: layer.length }, (_, i) => {
    const feature = layer.feature(i);
    return { number: feature.id, ...feature.toGeoJSON(+x, +y, +z) };
  }),
}));
console.log(JSON.stringify(layers));
