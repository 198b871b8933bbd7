//! Dollars per million selections by what the LLM is shown: a panel for each dataset, a row for what is
//! shown, a mark for each prompt and price.

use anyhow::Result;
use oats_harness::rows::{CostRow, DOLLARS};
use oats_llm::ModelPrice;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    DATASETS, ordered,
    style::{self, Canvas},
};

/// From top to bottom; a router's tools stand between them.
const SHOWN: [&str; 2] = ["candidates", "catalogue"];
/// Scenarios, with what the legend says of them.
const PROMPTS: [(&str, &str); 2] = [
    ("select-list", "the tools as a list in the prompt"),
    ("select-functions", "the tools as functions"),
];

const LEFT: u32 = 130;
const TOP: u32 = 168;
const PANEL_WIDTH: u32 = 380;
const PANEL_GAP: u32 = 44;
const LEAST_WIDTH: u32 = 780;
const ROW: u32 = 40;
/// Below the panels, for the axis.
const BOTTOM: u32 = 64;
/// Decades of the axis, from a tenth of a dollar to a million.
const DECADES: (f64, f64) = (-1.0, 6.0);

pub(super) fn draw(rows: &[CostRow], models: &[ModelPrice], title: &str) -> Result<Option<String>> {
    let router = rows.iter().find(|row| row.scenario == "router");
    let rows: Vec<&CostRow> = rows
        .iter()
        .filter(|row| {
            row.quantity == DOLLARS && PROMPTS.iter().any(|(name, _)| row.scenario == *name)
        })
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let datasets = ordered(rows.iter().map(|row| row.dataset.as_str()), &DATASETS);
    let prices = ordered(rows.iter().map(|row| row.price.as_str()), &[]);
    let mut shown = ordered(rows.iter().map(|row| row.shown.as_str()), &[]);
    let rank = |label: &str| match label.strip_prefix("top-").and_then(|k| k.parse().ok()) {
        Some(k) => k,
        None if label == SHOWN[0] => 0,
        None => usize::MAX,
    };
    shown.sort_by_key(|label| rank(label));
    shown.reverse(); // the vertical axis grows upwards
    let height = ROW * shown.len() as u32;
    let size = (
        (LEFT + PANEL_WIDTH * datasets.len() as u32).max(LEAST_WIDTH),
        TOP + height + BOTTOM,
    );
    let svg = style::svg(size, |canvas| {
        let line = format!(
            "Dollars per million selections by an LLM, means over all queries; each step of the axis is ten times \
             as much.{}",
            counted(&rows, models)
        );
        style::heading(canvas, title, &[line])?;
        legend(canvas, &prices)?;
        for (index, label) in shown.iter().enumerate() {
            let y = TOP + height - ROW * index as u32 - ROW / 2;
            canvas.draw(&Text::new(
                style::shown(label),
                (LEFT as i32 - 12, y as i32),
                style::text(15, style::INK).pos(Pos::new(HPos::Right, VPos::Center)),
            ))?;
        }
        for (column, dataset) in datasets.iter().enumerate() {
            let left = LEFT + PANEL_WIDTH * column as u32;
            let area = canvas
                .clone()
                .shrink((left, TOP), (PANEL_WIDTH - PANEL_GAP, height + 44));
            canvas.draw(&Text::new(
                *dataset,
                (left as i32, TOP as i32 - 14),
                style::text(15, style::INK).pos(Pos::new(HPos::Left, VPos::Center)),
            ))?;
            let panel = Panel {
                shown: &shown,
                prices: &prices,
                rows: rows
                    .iter()
                    .copied()
                    .filter(|row| row.dataset == *dataset)
                    .collect(),
                router,
            };
            panel.draw(&area)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

/// What the rows' tokens are counted with, and of when their prices are.
fn counted(rows: &[&CostRow], models: &[ModelPrice]) -> String {
    let tokenizers = ordered(rows.iter().map(|row| row.tokenizer.as_str()), &[]);
    let priced = models
        .iter()
        .filter(|model| rows.iter().any(|row| row.price == model.name));
    let dates = ordered(priced.map(|model| model.dated.as_str()), &[]);
    let prices = match dates.is_empty() {
        true => String::new(),
        false => format!("; prices of {}", dates.join(", ")),
    };
    format!(" Tokens of {}{prices}.", tokenizers.join(", "))
}

fn legend(canvas: &Canvas<'_>, prices: &[&str]) -> Result<()> {
    for (line, (scenario, meaning)) in PROMPTS.iter().enumerate() {
        let y = 82 + 22 * line as i32;
        draw_mark(canvas, scenario, (28, y), style::INK)?;
        canvas.draw(&Text::new(
            *meaning,
            (44, y - 7),
            style::text(14, style::INK),
        ))?;
    }
    let y = 82 + 22 * PROMPTS.len() as i32;
    let named: Vec<String> = prices.iter().map(|price| (*price).to_owned()).collect();
    let mut x = 44;
    for (index, name) in named.iter().enumerate() {
        let style = style::text(14, style::series(index));
        canvas.draw(&Text::new(name.as_str(), (x, y - 7), style.clone()))?;
        x += canvas.estimate_text_size(name, &style)?.0 as i32 + 24;
    }
    Ok(())
}

fn draw_mark(canvas: &Canvas<'_>, scenario: &str, at: (i32, i32), colour: RGBColor) -> Result<()> {
    if scenario == PROMPTS[0].0 {
        canvas.draw(&Circle::new(at, 5, colour.filled()))?;
    } else {
        canvas.draw(&Circle::new(at, 5, WHITE.filled()))?;
        canvas.draw(&Circle::new(at, 5, colour.stroke_width(2)))?;
    }
    Ok(())
}

struct Panel<'a> {
    shown: &'a [&'a str],
    prices: &'a [&'a str],
    rows: Vec<&'a CostRow>,
    /// What the router is assumed to cost.
    router: Option<&'a CostRow>,
}

impl Panel<'_> {
    fn draw(&self, area: &Canvas<'_>) -> Result<()> {
        let mut chart = ChartBuilder::on(area)
            .x_label_area_size(44)
            .build_cartesian_2d(DECADES.0..DECADES.1, 0.0..self.shown.len() as f64)?;
        style::axes(&mut chart.configure_mesh())
            .disable_y_mesh()
            .disable_y_axis()
            .x_labels(8)
            .x_label_formatter(&|decade| style::dollars(*decade))
            .x_desc("dollars per million selections")
            .draw()?;
        let (left, top) = area.get_base_pixel();
        let pixel = |dollars: f64, y: f64| {
            let decade = dollars.log10().clamp(DECADES.0, DECADES.1);
            let (x, y) = chart.backend_coord(&(decade, y));
            (x - left, y - top)
        };
        if let Some(router) = self.router {
            let dollars = router.value.get();
            let ends = [0.0, self.shown.len() as f64].map(|y| pixel(dollars, y));
            area.draw(&PathElement::new(ends, style::FAINT.stroke_width(2)))?;
            area.draw(&Text::new(
                "router, assumed",
                (ends[1].0 + 6, ends[1].1 + 4),
                style::text(12, style::FAINT),
            ))?;
        }
        for row in &self.rows {
            let index = self.shown.iter().position(|label| row.shown == *label);
            let price = self.prices.iter().position(|label| row.price == *label);
            let (Some(index), Some(price)) = (index, price) else {
                continue;
            };
            let lane = if row.scenario == PROMPTS[0].0 {
                0.16
            } else {
                -0.16
            };
            let at = pixel(row.value.get(), index as f64 + 0.5 + lane);
            draw_mark(area, &row.scenario, at, style::series(price))?;
        }
        Ok(())
    }
}
