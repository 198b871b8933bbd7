//! Tokens and dollars of a chain of calls by its depth: a line for each strategy, two panels for each
//! dataset.

use anyhow::Result;
use oats_harness::rows::{CostRow, DOLLARS};
use oats_llm::ModelPrice;
use plotters::{prelude::*, style::text_anchor::HPos};

use super::{
    DATASETS,
    names::{Column, Name},
    ordered,
    style::{self, Canvas},
};

const PANEL: (u32, u32) = (600, 380);
const TOP: u32 = 96;
/// Room on the right of a panel for its lines' names.
const LABELS: u32 = 176;

/// What the axis of depths names.
const DEPTHS: [f64; 7] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// A label, and what the figure calls it; those that lie on each other are drawn in this order.
const STRATEGIES: [(&str, &str); 6] = [
    ("planner", "LLM plans"),
    ("native-cached", "LLM plans, cached"),
    ("planner-pruned", "LLM plans, pruned"),
    ("routed-arguments", "routed, LLM fills in"),
    ("routed-history", "routed, all results"),
    ("routed", "routed, last result"),
];

/// Of one model; cheaper models' lines have the same shape further down.
pub(super) fn draw(rows: &[CostRow], model: &ModelPrice, title: &str) -> Result<Option<String>> {
    let (price, tokenizer) = (&model.name, model.tokenizer.to_string());
    let rows: Vec<&CostRow> = rows
        .iter()
        .filter(|row| depth(row).is_some() && row.tokenizer == tokenizer)
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let datasets = ordered(rows.iter().map(|row| row.dataset.as_str()), &DATASETS);
    let size = (2 * PANEL.0, TOP + PANEL.1 * datasets.len() as u32);
    let svg = style::svg(size, |canvas| {
        let lines = [
            "Both axes are logarithmic: twice the depth comes to at most twice as much where growth is linear, to \
             at most four times as much where it is quadratic."
                .to_owned(),
            format!(
                "Candidates as functions where an LLM plans. Computed from parts counted by {tokenizer}, each step \
                 like the others; not observed. Prices of {}.",
                model.dated
            ),
        ];
        style::heading(canvas, title, &lines)?;
        for (down, dataset) in (0..).zip(&datasets) {
            let own = || rows.iter().copied().filter(|row| row.dataset == *dataset);
            let tokens: Vec<(&CostRow, f64)> = own()
                .filter(|row| row.quantity == "input-tokens")
                .map(|input| {
                    let mut output = own().filter(|row| {
                        row.quantity == "output-tokens"
                            && row.scenario == input.scenario
                            && row.depth == input.depth
                    });
                    let output = output.next().map_or(0.0, |row| row.value.get());
                    (input, input.value.get() + output)
                })
                .collect();
            let dollars: Vec<(&CostRow, f64)> = own()
                .filter(|row| row.price == *price && row.quantity == DOLLARS)
                .map(|row| (row, row.value.get()))
                .collect();
            let panels = [
                (
                    format!("{dataset}: tokens read and written"),
                    tokens,
                    style::amount as fn(f64) -> String,
                ),
                (
                    format!("{dataset}: dollars per million requests, {price}"),
                    dollars,
                    style::dollars,
                ),
            ];
            for (across, (title, values, show)) in (0..).zip(panels) {
                let place = (PANEL.0 * across, TOP + PANEL.1 * down);
                draw_panel(&canvas.clone().shrink(place, PANEL), &title, &values, show)?;
            }
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

fn depth(row: &CostRow) -> Option<u64> {
    row.depth.parse().ok()
}

/// `show` makes an axis label of a decade.
fn draw_panel(
    area: &Canvas<'_>,
    title: &str,
    values: &[(&CostRow, f64)],
    show: fn(f64) -> String,
) -> Result<()> {
    let decades: Vec<f64> = values.iter().map(|(_, value)| value.log10()).collect();
    let floor = decades
        .iter()
        .copied()
        .fold(f64::INFINITY, f64::min)
        .floor();
    let ceiling = decades
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max)
        .ceil();
    let deepest = values.iter().filter_map(|(row, _)| depth(row)).max();
    let deepest = deepest.unwrap_or(1) as f64;
    let mut depths = DEPTHS.to_vec();
    depths.retain(|depth| *depth <= deepest);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .caption(title, style::text(15, style::INK))
        .margin_right(LABELS)
        .x_label_area_size(44)
        .y_label_area_size(58)
        .build_cartesian_2d(
            (1.0..deepest).log_scale().with_key_points(depths),
            floor..ceiling,
        )?;
    style::axes(&mut chart.configure_mesh())
        .disable_x_mesh()
        .x_labels(DEPTHS.len())
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_labels((ceiling - floor) as usize + 1)
        .y_label_formatter(&|decade| show(*decade))
        .x_desc("depth: tool calls in the chain")
        .draw()?;
    let (left, top) = area.get_base_pixel();
    let mut names = Vec::new();
    for (index, (strategy, name)) in STRATEGIES.iter().enumerate() {
        let mut points: Vec<(f64, f64)> = values
            .iter()
            .filter(|(row, _)| row.scenario == *strategy)
            .filter_map(|(row, value)| Some((depth(row)? as f64, value.log10())))
            .collect();
        points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let Some(&end) = points.last() else {
            continue;
        };
        let (x, y) = chart.backend_coord(&end);
        let colour = style::series(index);
        names.push(Name {
            at: (x - left, y - top),
            words: (*name).to_owned(),
            colour,
        });
        let stroke = colour.stroke_width(2);
        if *strategy == "native-cached" {
            chart.draw_series(DashedLineSeries::new(points, 6, 4, stroke))?;
        } else {
            chart.draw_series(LineSeries::new(points, stroke))?;
        }
    }
    let pixel = |y: f64| chart.backend_coord(&(deepest, y));
    let names_in = Column {
        x: pixel(floor).0 - left + 22,
        side: HPos::Left,
        within: (pixel(ceiling).1 - top, pixel(floor).1 - top),
        size: 12,
    };
    names_in.write(area, names)?;
    Ok(())
}
