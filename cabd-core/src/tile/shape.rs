//! Lines and areas in units of a tile: simplified, cut to the tile and its surroundings, and in the tile's own drawing commands.

use geo_types::{Coord, Geometry as Geo, LineString, Polygon};

use super::grid::{BUFFER, EXTENT, Tile};
use super::places::Spot;

type Point = (f64, f64);
type Ring = Vec<(i32, i32)>;

/// The largest latitude that is projected; the grid ends before.
const STEEPEST: f64 = 89.0;
const LOW: f64 = -(BUFFER as f64);
const HIGH: f64 = (EXTENT + BUFFER) as f64;

/// A geometry in whole units of a tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Points(Ring),
    Lines(Vec<Ring>),
    /// Each area: its outer ring, then its holes; rings without the repeated last point.
    Areas(Vec<Vec<Ring>>),
}

impl Shape {
    /// What a tile shows of a geometry; none where that is nothing. What is too small for a line or an area is drawn one unit long
    /// or wide at the position that stands for it.
    pub(super) fn of(geometry: &Geo<f64>, tile: Tile, spot: &Spot) -> Option<Self> {
        let mut points = vec![];
        let mut lines = vec![];
        let mut areas = vec![];
        let mut all = vec![geometry];
        while let Some(g) = all.pop() {
            match g {
                Geo::Point(p) => points.push(p.0),
                Geo::MultiPoint(m) => points.extend(m.iter().map(|p| p.0)),
                Geo::Line(l) => lines.push(LineString::from(*l)),
                Geo::LineString(l) => lines.push(l.clone()),
                Geo::MultiLineString(m) => lines.extend(m.0.iter().cloned()),
                Geo::Polygon(p) => areas.push(p.clone()),
                Geo::MultiPolygon(m) => areas.extend(m.0.iter().cloned()),
                Geo::Rect(r) => areas.push(r.to_polygon()),
                Geo::Triangle(t) => areas.push(t.to_polygon()),
                Geo::GeometryCollection(c) => all.extend(c.0.iter().rev()),
            }
        }
        let unit = tile.units(spot.place());
        let (x, y) = (unit.0 as i32, unit.1 as i32);
        let here = Tile::shows(unit) && tile.is_tiny(&spot.reach());
        // A feature of a tile has one class: the one of most dimensions.
        if !areas.is_empty() {
            let shown: Vec<Vec<Ring>> = areas.iter().filter_map(|a| area(a, tile)).collect();
            return if !shown.is_empty() {
                Some(Shape::Areas(shown))
            } else {
                let square = vec![(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)];
                here.then(|| Shape::Areas(vec![vec![square]]))
            };
        }
        if !lines.is_empty() {
            let shown: Vec<Ring> = lines.iter().flat_map(|l| line(l, tile)).collect();
            return if !shown.is_empty() {
                Some(Shape::Lines(shown))
            } else {
                here.then(|| Shape::Lines(vec![vec![(x, y), (x + 1, y)]]))
            };
        }
        let units = points.iter().map(|c| rounded(local(c, tile), f64::floor));
        let mut shown: Ring = units
            .filter(|(x, y)| Tile::shows((i64::from(*x), i64::from(*y))))
            .collect();
        shown.dedup();
        (!shown.is_empty()).then_some(Shape::Points(shown))
    }

    /// One position.
    pub(super) fn point(x: i64, y: i64) -> Self {
        Shape::Points(vec![(x as i32, y as i32)])
    }

    /// The number of the class in a tile.
    pub(super) fn class(&self) -> u64 {
        match self {
            Shape::Points(_) => 1,
            Shape::Lines(_) => 2,
            Shape::Areas(_) => 3,
        }
    }

    /// The same with fewer positions, none farther than `tolerance` units from where it was. Nothing vanishes.
    pub(super) fn simplified(&self, tolerance: f64) -> Self {
        let points = |ring: &[(i32, i32)]| -> Vec<Point> {
            ring.iter()
                .map(|(x, y)| (f64::from(*x), f64::from(*y)))
                .collect()
        };
        match self {
            Shape::Points(_) => self.clone(),
            Shape::Lines(all) => {
                let fewer = all.iter().map(|l| {
                    let kept = simplify(&points(l), tolerance);
                    kept.into_iter().map(|p| rounded(p, f64::round)).collect()
                });
                Shape::Lines(fewer.collect())
            }
            Shape::Areas(all) => {
                let ring = |r: &Ring| {
                    let mut closed = points(r);
                    closed.extend(closed.first().copied());
                    let kept = simplify(&closed, tolerance);
                    open_ring(&kept)
                };
                let fewer = all.iter().map(|rings| {
                    let mut out: Vec<Ring> = vec![];
                    for (n, r) in rings.iter().enumerate() {
                        let outer = n == 0;
                        match ring(r).and_then(|r| oriented(r, outer)) {
                            Some(fewer) => out.push(fewer),
                            None if outer => out.push(r.clone()),
                            None => {}
                        }
                    }
                    out
                });
                Shape::Areas(fewer.collect())
            }
        }
    }

    /// The drawing commands.
    pub(super) fn commands(&self, out: &mut Vec<u32>) {
        let mut at = (0, 0);
        let mut go = |out: &mut Vec<u32>, to: (i32, i32)| {
            for d in [to.0.wrapping_sub(at.0), to.1.wrapping_sub(at.1)] {
                out.push(((d << 1) ^ (d >> 31)) as u32);
            }
            at = to;
        };
        const MOVE: u32 = 1;
        const LINE: u32 = 2;
        const CLOSE: u32 = 7;
        let command = |id: u32, n: usize| id | ((n as u32) << 3);
        match self {
            Shape::Points(all) => {
                out.push(command(MOVE, all.len()));
                all.iter().for_each(|p| go(out, *p));
            }
            Shape::Lines(all) => {
                for l in all {
                    let Some((first, rest)) = l.split_first() else {
                        continue;
                    };
                    out.push(command(MOVE, 1));
                    go(out, *first);
                    out.push(command(LINE, rest.len()));
                    rest.iter().for_each(|p| go(out, *p));
                }
            }
            Shape::Areas(all) => {
                for r in all.iter().flatten() {
                    let Some((first, rest)) = r.split_first() else {
                        continue;
                    };
                    out.push(command(MOVE, 1));
                    go(out, *first);
                    out.push(command(LINE, rest.len()));
                    rest.iter().for_each(|p| go(out, *p));
                    out.push(command(CLOSE, 1));
                }
            }
        }
    }
}

fn local(c: &Coord<f64>, tile: Tile) -> Point {
    tile.units_of_degrees(c.x, c.y.clamp(-STEEPEST, STEEPEST))
}

fn rounded((x, y): Point, how: fn(f64) -> f64) -> (i32, i32) {
    (how(x) as i32, how(y) as i32)
}

/// What is shown of a line: it may leave the tile and come back.
fn line(l: &LineString<f64>, tile: Tile) -> Vec<Ring> {
    let points: Vec<Point> = l.0.iter().map(|c| local(c, tile)).collect();
    let points = simplify(&points, 1.0);
    let mut out: Vec<Vec<Point>> = vec![];
    for pair in points.windows(2) {
        let Some((a, b)) = cut(pair[0], pair[1]) else {
            continue;
        };
        match out.last_mut() {
            Some(part) if part.last() == Some(&a) => part.push(b),
            _ => out.push(vec![a, b]),
        }
    }
    out.into_iter()
        .map(|part| {
            let mut whole: Ring = part.into_iter().map(|p| rounded(p, f64::round)).collect();
            whole.dedup();
            whole
        })
        .filter(|part| part.len() > 1)
        .collect()
}

/// The part of a segment within the tile and its surroundings (Liang and Barsky).
fn cut(a: Point, b: Point) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut from, mut to) = (0.0f64, 1.0f64);
    for (d, q) in [
        (-dx, a.0 - LOW),
        (dx, HIGH - a.0),
        (-dy, a.1 - LOW),
        (dy, HIGH - a.1),
    ] {
        if d == 0.0 {
            if q < 0.0 {
                return None;
            }
        } else if d < 0.0 {
            from = from.max(q / d);
        } else {
            to = to.min(q / d);
        }
    }
    let at = |t: f64| match t {
        0.0 => a,
        1.0 => b,
        t => (a.0 + t * dx, a.1 + t * dy),
    };
    (from <= to).then(|| (at(from), at(to)))
}

fn area(polygon: &Polygon<f64>, tile: Tile) -> Option<Vec<Ring>> {
    let ring = |r: &LineString<f64>, outer: bool| {
        let points: Vec<Point> = r.0.iter().map(|c| local(c, tile)).collect();
        let points = simplify(&points, 1.0);
        oriented(open_ring(&cut_ring(points))?, outer)
    };
    let outer = ring(polygon.exterior(), true)?;
    let holes = polygon.interiors().iter().filter_map(|r| ring(r, false));
    let holes: Vec<Ring> = holes.collect();
    // Within a hole there is nothing, though both rings go around the tile.
    let left = twice_area(&outer) + holes.iter().map(|h| twice_area(h)).sum::<i64>();
    (left > 0).then(|| [outer].into_iter().chain(holes).collect())
}

/// The part of a ring within the tile and its surroundings (Sutherland and Hodgman): one edge after the other.
fn cut_ring(mut points: Vec<Point>) -> Vec<Point> {
    let inside = |p: Point| (LOW..=HIGH).contains(&p.0) && (LOW..=HIGH).contains(&p.1);
    if points.iter().all(|p| inside(*p)) {
        return points;
    }
    points.pop();
    type Side = (fn(Point) -> f64, fn(Point, Point, f64) -> Point);
    let sides: [Side; 4] = [
        (|p| p.0 - LOW, |a, b, t| (LOW, a.1 + (b.1 - a.1) * t)),
        (|p| HIGH - p.0, |a, b, t| (HIGH, a.1 + (b.1 - a.1) * t)),
        (|p| p.1 - LOW, |a, b, t| (a.0 + (b.0 - a.0) * t, LOW)),
        (|p| HIGH - p.1, |a, b, t| (a.0 + (b.0 - a.0) * t, HIGH)),
    ];
    for (depth, cross) in sides {
        let mut kept = Vec::with_capacity(points.len() + 4);
        let Some(mut before) = points.last().copied() else {
            break;
        };
        for p in points {
            let (was, is) = (depth(before), depth(p));
            if (was >= 0.0) != (is >= 0.0) {
                kept.push(cross(before, p, was / (was - is)));
            }
            if is >= 0.0 {
                kept.push(p);
            }
            before = p;
        }
        points = kept;
    }
    points.extend(points.first().copied());
    points
}

/// The whole units of a closed ring, without the repeated last; none where fewer than three are left.
fn open_ring(points: &[Point]) -> Option<Ring> {
    let mut ring: Ring = points.iter().map(|p| rounded(*p, f64::round)).collect();
    ring.dedup();
    while ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    (ring.len() > 2).then_some(ring)
}

/// The ring in the direction that tells outer rings from holes; none without area.
fn oriented(mut ring: Ring, outer: bool) -> Option<Ring> {
    let twice = twice_area(&ring);
    if twice == 0 {
        return None;
    }
    if (twice > 0) != outer {
        ring.reverse();
    }
    Some(ring)
}

/// Twice the area, positive for an outer ring.
fn twice_area(ring: &[(i32, i32)]) -> i64 {
    let next = ring.iter().cycle().skip(1);
    let pairs = ring.iter().zip(next);
    pairs
        .map(|(a, b)| i64::from(a.0) * i64::from(b.1) - i64::from(b.0) * i64::from(a.1))
        .sum()
}

/// Leaves out positions that are nearer than `tolerance` to the line without them (Douglas and Peucker, without recursion, so
/// that no line is too long for it). First and last stay.
fn simplify(points: &[Point], tolerance: f64) -> Vec<Point> {
    let near = |a: Point, b: Point| (a.0 - b.0).powi(2) + (a.1 - b.1).powi(2);
    let least = tolerance * tolerance;
    let mut apart: Vec<Point> = Vec::with_capacity(points.len());
    for (n, p) in points.iter().enumerate() {
        let last = n + 1 == points.len();
        if last || apart.last().is_none_or(|l| near(*l, *p) > least / 4.0) {
            apart.push(*p);
        }
    }
    if apart.len() < 3 {
        return apart;
    }
    let mut keep = vec![false; apart.len()];
    let end = apart.len() - 1;
    (keep[0], keep[end]) = (true, true);
    let mut spans = vec![(0, end)];
    while let Some((from, to)) = spans.pop() {
        let (a, b) = (apart[from], apart[to]);
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = dx * dx + dy * dy;
        let distance = |p: Point| {
            if length == 0.0 {
                return near(a, p);
            }
            let t = ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / length;
            let t = t.clamp(0.0, 1.0);
            near((a.0 + t * dx, a.1 + t * dy), p)
        };
        let between = (from + 1..to).map(|i| (i, distance(apart[i])));
        let farthest = between.fold((from, 0.0), |m, n| if n.1 > m.1 { n } else { m });
        if farthest.1 > least {
            keep[farthest.0] = true;
            spans.push((from, farthest.0));
            spans.push((farthest.0, to));
        }
    }
    let mut keep = keep.into_iter();
    apart.retain(|_| keep.next() == Some(true));
    apart
}
