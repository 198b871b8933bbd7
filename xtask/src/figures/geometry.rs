//! The paper's Figure 3: the way of one tool through the rounds of OATS-S1, a panel for each dataset and split.

use anyhow::Result;
use oats_harness::ToolPoints;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    DATASETS,
    names::{Name, Spot, along, beside},
    style::{self, Canvas},
};

const PANEL: (u32, u32) = (540, 540);
const TOP: u32 = 144;
/// Panels side by side.
const ACROSS: usize = 3;
const LEAST_WIDTH: u32 = 1080;
/// Room for a panel's own heading.
const HEAD: i32 = 52;
const MARGIN: i32 = 14;

const TOOL: RGBColor = style::INK;
const POSITIVE: RGBColor = style::BETTER;
const NEGATIVE: RGBColor = style::WORSE;
/// No router's either.
const TEST: RGBColor = RGBColor(200, 16, 46);
const RIVAL: RGBColor = style::FAINT;

// What a test query is called.
const UNSEEN: &str = "test query";
const IN_TRAINING: &str = "test query, also in training";

/// A mark by its colour.
type Mark = fn(&Canvas<'_>, Spot, RGBColor) -> Result<()>;

pub(super) fn draw(tools: &[ToolPoints<'_>], title: &str) -> Result<Option<String>> {
    if tools.is_empty() {
        return Ok(None);
    }
    let mut tools: Vec<&ToolPoints<'_>> = tools.iter().collect();
    let rank = |tool: &ToolPoints<'_>| {
        let known = DATASETS.iter().position(|known| *known == tool.dataset());
        known.unwrap_or(DATASETS.len())
    };
    tools.sort_by_key(|tool| rank(tool));
    let lines = tools.len().div_ceil(ACROSS) as u32;
    let size = (
        (PANEL.0 * tools.len().min(ACROSS) as u32).max(LEAST_WIDTH),
        TOP + PANEL.1 * lines,
    );
    let svg = style::svg(size, |canvas| {
        let words = [
            "Principal components of the vectors shown; equal distances on both axes. Rival: the wrong tool that \
             came first for the test query.",
            "Test query: of those that the tool is right for, the one that its cosine grows most to; among those whose \
             text is not in training, if there are any.",
            "Also in training: the texts of all of them are there, too, so that what this one shows is memory.",
        ]
        .map(str::to_owned);
        style::heading(canvas, title, &words)?;
        legend(canvas, (28, TOP as i32 - 26))?;
        for (index, tool) in tools.iter().enumerate() {
            let (line, column) = ((index / ACROSS) as u32, (index % ACROSS) as u32);
            let corner = (PANEL.0 * column, TOP + PANEL.1 * line);
            draw_panel(&canvas.clone().shrink(corner, PANEL), tool)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

fn legend(canvas: &Canvas<'_>, at: Spot) -> Result<()> {
    let entries: [(Mark, RGBColor, &str); 7] = [
        (ring, TOOL, "tool, original"),
        (disc, TOOL, "refined, with its way"),
        (plus, POSITIVE, "Q⁺"),
        (cross, NEGATIVE, "Q⁻, in any round"),
        (square, TEST, UNSEEN),
        (open_square, TEST, IN_TRAINING),
        (triangle, RIVAL, "rival, original and refined"),
    ];
    let mut x = at.0;
    for (mark, colour, name) in entries {
        mark(canvas, (x, at.1), colour)?;
        let style = style::text(13, style::INK);
        let (width, _) = canvas.estimate_text_size(name, &style)?;
        let place = style.pos(Pos::new(HPos::Left, VPos::Center));
        canvas.draw(&Text::new(name, (x + 12, at.1), place))?;
        x += 12 + width as i32 + 30;
    }
    Ok(())
}

fn draw_panel(area: &Canvas<'_>, tool: &ToolPoints<'_>) -> Result<()> {
    let (positives, negatives) = (tool.positives(), tool.negatives());
    let (path, test, rival) = (tool.path(), tool.test_query(), tool.rival());
    let (Some(&original), Some(&refined)) = (path.first(), path.last()) else {
        return Ok(());
    };
    let shares = tool.variance_shares().map(|share| 100.0 * share);
    let head = [
        (
            15,
            style::INK,
            format!(
                "{}: {}; {} split of seed {}, {}",
                tool.dataset(),
                tool.tool(),
                tool.split(),
                tool.seed(),
                tool.embedder()
            ),
        ),
        (
            12,
            style::FAINT,
            format!(
                "Q⁺: {} queries, {} distinct; Q⁻: {}, {} distinct; axes: {:.0} % and {:.0} % of the variance",
                positives.len(),
                tool.positive_texts(),
                negatives.len(),
                tool.negative_texts(),
                shares[0],
                shares[1]
            ),
        ),
    ];
    for (line, (size, colour, words)) in head.into_iter().enumerate() {
        let at = (MARGIN + 6, 8 + 22 * line as i32);
        area.draw(&Text::new(words, at, style::text(size, colour)))?;
    }
    let rivals = rival.iter().flat_map(|(_, places)| places);
    let all = path.iter().chain(&positives).chain(&negatives);
    let all: Vec<[f64; 2]> = all
        .chain(test.iter().map(|(_, place)| place))
        .chain(rivals)
        .copied()
        .collect();
    let frame = Frame::around(&all);
    area.draw(&Rectangle::new(
        [(frame.left, frame.top), (frame.right, frame.bottom)],
        style::GRID.stroke_width(1),
    ))?;

    let mut taken: Vec<Spot> = Vec::new();
    for (places, mark, colour) in [
        (&negatives, cross as Mark, NEGATIVE),
        (&positives, plus as Mark, POSITIVE),
    ] {
        for &place in places {
            mark(area, frame.pixel(place), colour)?;
            taken.push(frame.pixel(place));
        }
    }
    let mut labels: Vec<Name> = Vec::new();
    let mut label = |at: Spot, words: &str, colour: RGBColor| {
        labels.push(Name {
            at,
            words: words.to_owned(),
            colour,
        });
    };
    if let Some((name, places)) = rival {
        let ends = places.map(|place| frame.pixel(place));
        arrow(area, &ends, RIVAL)?;
        open_triangle(area, ends[0], RIVAL)?;
        triangle(area, ends[1], RIVAL)?;
        taken.extend(along(&ends));
        label(ends[0], name, RIVAL);
    }
    let path: Vec<Spot> = path.iter().map(|&place| frame.pixel(place)).collect();
    arrow(area, &path, TOOL)?;
    for &at in path.get(1..path.len() - 1).unwrap_or_default() {
        area.draw(&Circle::new(at, 3, TOOL.filled()))?;
    }
    ring(area, frame.pixel(original), TOOL)?;
    disc(area, frame.pixel(refined), TOOL)?;
    taken.extend(along(&path));
    if let Some((_, place)) = test {
        let (mark, name) = match tool.is_in_training() {
            true => (open_square as Mark, IN_TRAINING),
            false => (square as Mark, UNSEEN),
        };
        mark(area, frame.pixel(place), TEST)?;
        taken.push(frame.pixel(place));
        label(frame.pixel(place), name, TEST);
    }
    label(frame.pixel(original), "original", TOOL);
    if path.len() > 1 {
        label(frame.pixel(refined), "refined", TOOL);
    }
    let within = [frame.left, frame.top, frame.right, frame.bottom];
    beside(area, within, (13, 0), &labels, &taken, Vec::new())
}

/// Where a panel's points are drawn, with one scale for both axes.
struct Frame {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
    /// What is in the middle.
    centre: [f64; 2],
    /// Pixels.
    unit: f64,
}

impl Frame {
    fn around(places: &[[f64; 2]]) -> Self {
        const INSIDE: f64 = 26.0;
        let (left, top) = (MARGIN, HEAD);
        let (right, bottom) = (PANEL.0 as i32 - MARGIN, PANEL.1 as i32 - MARGIN);
        let ends = [0, 1].map(|axis| {
            let values = || places.iter().map(|place| place[axis]);
            let low = values().fold(f64::INFINITY, f64::min);
            (low, values().fold(f64::NEG_INFINITY, f64::max))
        });
        let room = [right - left, bottom - top].map(|pixels| f64::from(pixels) - 2.0 * INSIDE);
        let scales = [0, 1].map(|axis| room[axis] / (ends[axis].1 - ends[axis].0).max(1e-9));
        Self {
            left,
            top,
            right,
            bottom,
            centre: ends.map(|(low, high)| (low + high) / 2.0),
            unit: scales[0].min(scales[1]),
        }
    }

    fn pixel(&self, place: [f64; 2]) -> Spot {
        let [x, y] = [0, 1].map(|axis| (place[axis] - self.centre[axis]) * self.unit);
        let middle = [
            f64::from(self.left + self.right) / 2.0,
            f64::from(self.top + self.bottom) / 2.0,
        ];
        (
            (middle[0] + x).round() as i32,
            (middle[1] - y).round() as i32,
        )
    }
}

/// A line through points with a head at its end, if that is far enough from its beginning.
fn arrow(area: &Canvas<'_>, points: &[Spot], colour: RGBColor) -> Result<()> {
    area.draw(&PathElement::new(points.to_vec(), colour.stroke_width(2)))?;
    let [.., (x0, y0), (x1, y1)] = *points else {
        return Ok(());
    };
    let (dx, dy) = (f64::from(x1 - x0), f64::from(y1 - y0));
    let length = dx.hypot(dy);
    const BEFORE: f64 = 7.0;
    const HEAD: f64 = 9.0;
    if length < BEFORE + HEAD {
        return Ok(());
    }
    let (dx, dy) = (dx / length, dy / length);
    let spot = |back: f64, aside: f64| {
        let x = f64::from(x1) - back * dx - aside * dy;
        let y = f64::from(y1) - back * dy + aside * dx;
        (x.round() as i32, y.round() as i32)
    };
    let head = vec![
        spot(BEFORE, 0.0),
        spot(BEFORE + HEAD, 4.5),
        spot(BEFORE + HEAD, -4.5),
    ];
    area.draw(&Polygon::new(head, colour.filled()))?;
    Ok(())
}

fn ring(area: &Canvas<'_>, at: Spot, colour: RGBColor) -> Result<()> {
    area.draw(&Circle::new(at, 6, WHITE.filled()))?;
    area.draw(&Circle::new(at, 6, colour.stroke_width(2)))?;
    Ok(())
}

fn disc(area: &Canvas<'_>, at: Spot, colour: RGBColor) -> Result<()> {
    area.draw(&Circle::new(at, 6, colour.filled()))?;
    Ok(())
}

fn plus(area: &Canvas<'_>, (x, y): Spot, colour: RGBColor) -> Result<()> {
    const ARM: i32 = 5;
    let stroke = colour.stroke_width(2);
    area.draw(&PathElement::new([(x - ARM, y), (x + ARM, y)], stroke))?;
    area.draw(&PathElement::new([(x, y - ARM), (x, y + ARM)], stroke))?;
    Ok(())
}

fn cross(area: &Canvas<'_>, (x, y): Spot, colour: RGBColor) -> Result<()> {
    const ARM: i32 = 3;
    let stroke = colour.mix(0.8).stroke_width(1);
    area.draw(&PathElement::new(
        [(x - ARM, y - ARM), (x + ARM, y + ARM)],
        stroke,
    ))?;
    area.draw(&PathElement::new(
        [(x - ARM, y + ARM), (x + ARM, y - ARM)],
        stroke,
    ))?;
    Ok(())
}

fn square(area: &Canvas<'_>, (x, y): Spot, colour: RGBColor) -> Result<()> {
    area.draw(&Rectangle::new(
        [(x - 5, y - 5), (x + 5, y + 5)],
        colour.filled(),
    ))?;
    Ok(())
}

/// With room for the mark of the training query that it lies on.
fn open_square(area: &Canvas<'_>, (x, y): Spot, colour: RGBColor) -> Result<()> {
    let (low, high) = ((x - 7, y - 7), (x + 7, y + 7));
    let outline = [low, (high.0, low.1), high, (low.0, high.1), low];
    area.draw(&PathElement::new(outline, colour.stroke_width(2)))?;
    Ok(())
}

fn triangle(area: &Canvas<'_>, at: Spot, colour: RGBColor) -> Result<()> {
    area.draw(&Polygon::new(corners(at), colour.filled()))?;
    Ok(())
}

fn open_triangle(area: &Canvas<'_>, at: Spot, colour: RGBColor) -> Result<()> {
    let mut outline = corners(at);
    area.draw(&Polygon::new(outline.clone(), WHITE.filled()))?;
    outline.push(outline[0]);
    area.draw(&PathElement::new(outline, colour.stroke_width(2)))?;
    Ok(())
}

fn corners((x, y): Spot) -> Vec<Spot> {
    vec![(x, y - 7), (x + 6, y + 5), (x - 6, y + 5)]
}
