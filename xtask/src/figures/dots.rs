//! Dot plots: a row for each label, marks with their intervals along it, in panels side by side and
//! one below the other.

use anyhow::Result;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::style::{self, Canvas};

const TOP: u32 = 72;
const CAPTION_LINE: u32 = 20;
const LEGEND_LINE: u32 = 22;
const PANEL_WIDTH: u32 = 262;
const PANEL_GAP: u32 = 34;
const LEAST_WIDTH: u32 = 900;
/// Panels side by side; more go on another line.
const MOST_COLUMNS: usize = 5;
/// Below a line of panels, for its axis and the next one's titles.
const BELOW: u32 = 76;

/// A figure of dot plots.
pub(super) struct Dots<'a> {
    pub(super) caption: Vec<String>,
    /// What the shapes mean, a line each.
    pub(super) legend: Vec<(Shape, String)>,
    /// In pixels, for the rows' labels.
    pub(super) left: u32,
    /// The height of a row in pixels.
    pub(super) row: u32,
    /// The ends of all panels' axes.
    pub(super) axis: (f64, f64),
    pub(super) unit: String,
    /// Whether a line ties the marks of a row together.
    pub(super) tied: bool,
    /// One below the other.
    pub(super) blocks: Vec<Block<'a>>,
}

/// Panels side by side that share their rows.
pub(super) struct Block<'a> {
    /// Over its rows' labels.
    pub(super) title: Option<String>,
    pub(super) rows: Vec<(&'a str, RGBColor)>,
    pub(super) panels: Vec<Panel>,
}

pub(super) struct Panel {
    pub(super) title: String,
    pub(super) marks: Vec<Mark>,
}

/// A value with its interval.
pub(super) struct Mark {
    /// The position of its row.
    pub(super) row: usize,
    /// Its place within the row, from −0.5 (above) to 0.5.
    pub(super) place: f64,
    pub(super) value: f64,
    pub(super) interval: (f64, f64),
    pub(super) shape: Shape,
    pub(super) colour: RGBColor,
}

#[derive(Clone, Copy)]
pub(super) enum Shape {
    Dot,
    Ring,
    Triangle,
}

impl Dots<'_> {
    pub(super) fn draw(&self, title: &str) -> Result<String> {
        let heading =
            TOP + CAPTION_LINE * self.caption.len() as u32 + LEGEND_LINE * self.legend.len() as u32;
        let lines: Vec<(&Block<'_>, &[Panel])> = self.lines().collect();
        let columns = lines.iter().map(|(_, panels)| panels.len()).max();
        let heights = lines.iter().map(|(block, _)| self.height(block) + BELOW);
        let size = (
            (self.left + PANEL_WIDTH * columns.unwrap_or(0) as u32).max(LEAST_WIDTH),
            heading + heights.sum::<u32>(),
        );
        style::svg(size, |canvas| {
            style::heading(canvas, title, &self.caption)?;
            let mut y = 56 + CAPTION_LINE as i32 * self.caption.len() as i32;
            for (shape, meaning) in &self.legend {
                shape.draw(canvas, (28, y), style::INK)?;
                let words = style::text(14, style::INK);
                canvas.draw(&Text::new(meaning.as_str(), (44, y - 7), words))?;
                y += LEGEND_LINE as i32;
            }
            let mut top = heading;
            for (block, panels) in &lines {
                self.draw_line(canvas, block, panels, top)?;
                top += self.height(block) + BELOW;
            }
            Ok(())
        })
    }

    /// Each block's panels, as evenly over lines as they go.
    fn lines(&self) -> impl Iterator<Item = (&Block<'_>, &[Panel])> {
        self.blocks.iter().flat_map(|block| {
            let count = block.panels.len();
            let lines = count.div_ceil(MOST_COLUMNS).max(1);
            let panels = block.panels.chunks(count.div_ceil(lines).max(1));
            panels.map(move |panels| (block, panels))
        })
    }

    fn height(&self, block: &Block<'_>) -> u32 {
        self.row * block.rows.len() as u32
    }

    fn draw_line(
        &self,
        canvas: &Canvas<'_>,
        block: &Block<'_>,
        panels: &[Panel],
        top: u32,
    ) -> Result<()> {
        let label = |words: &str, y: u32, size: u32, colour: RGBColor| {
            let style = style::text(size, colour).pos(Pos::new(HPos::Right, VPos::Center));
            let at = (self.left as i32 - 10, y as i32);
            canvas.draw(&Text::new(words.to_owned(), at, style))
        };
        if let Some(title) = &block.title {
            label(title, top - 14, 14, style::INK)?;
        }
        for (position, (row, colour)) in block.rows.iter().enumerate() {
            let y = top + self.row * position as u32 + self.row / 2;
            label(row, y, 15, *colour)?;
        }
        for (column, panel) in panels.iter().enumerate() {
            let left = self.left + PANEL_WIDTH * column as u32;
            let at = (left as i32, top as i32 - 14);
            let words = style::text(14, style::INK).pos(Pos::new(HPos::Left, VPos::Center));
            canvas.draw(&Text::new(panel.title.as_str(), at, words))?;
            let size = (PANEL_WIDTH - PANEL_GAP, self.height(block) + 40);
            self.draw_panel(&canvas.clone().shrink((left, top), size), block, panel)?;
        }
        Ok(())
    }

    fn draw_panel(&self, area: &Canvas<'_>, block: &Block<'_>, panel: &Panel) -> Result<()> {
        let (from, to) = self.axis;
        let mut chart = ChartBuilder::on(area)
            .x_label_area_size(40)
            .build_cartesian_2d(from..to, block.rows.len() as f64..0.0)?;
        let decimals = if to - from > 0.5 { 1 } else { 2 };
        let digits = |x: f64| {
            let x = (x * 100.0).round() / 100.0 + 0.0; // not "-0.00"
            format!("{x:.decimals$}")
        };
        style::axes(&mut chart.configure_mesh())
            .disable_y_mesh()
            .disable_y_axis()
            .x_labels(6)
            .x_label_formatter(&|x| digits(*x))
            .x_desc(self.unit.as_str())
            .draw()?;
        let (left, top) = area.get_base_pixel();
        let pixel = |x: f64, y: f64| {
            let (x, y) = chart.backend_coord(&(x.clamp(from, to), y));
            (x - left, y - top)
        };
        if from < 0.0 && to > 0.0 {
            let zero = [pixel(0.0, 0.0), pixel(0.0, block.rows.len() as f64)];
            area.draw(&PathElement::new(zero, style::FAINT.stroke_width(1)))?;
        }
        let at = |mark: &Mark| pixel(mark.value, mark.row as f64 + 0.5 + mark.place);
        for row in 0..block.rows.len() {
            let marks = panel
                .marks
                .iter()
                .filter(|mark| self.tied && mark.row == row);
            let tie: Vec<(i32, i32)> = marks.map(at).collect();
            area.draw(&PathElement::new(
                tie,
                style::FAINT.mix(0.5).stroke_width(4),
            ))?;
        }
        for mark in &panel.marks {
            let y = mark.row as f64 + 0.5 + mark.place;
            let (low, high) = mark.interval;
            let ends = [pixel(low, y), pixel(high, y)];
            area.draw(&PathElement::new(ends, mark.colour.stroke_width(2)))?;
            mark.shape.draw(area, at(mark), mark.colour)?;
        }
        Ok(())
    }
}

impl Shape {
    fn draw(self, canvas: &Canvas<'_>, at: (i32, i32), colour: RGBColor) -> Result<()> {
        match self {
            Self::Dot => canvas.draw(&Circle::new(at, 5, colour.filled()))?,
            Self::Ring => {
                canvas.draw(&Circle::new(at, 5, WHITE.filled()))?;
                canvas.draw(&Circle::new(at, 5, colour.stroke_width(2)))?;
            }
            Self::Triangle => canvas.draw(&TriangleMarker::new(at, 6, colour.filled()))?,
        }
        Ok(())
    }
}
