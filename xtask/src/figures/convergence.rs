//! The paper's Figure 4: NDCG@5 of S1 after N rounds, a panel for each dataset and embedder.

use anyhow::Result;
use oats_harness::rows::MetricRow;
use plotters::prelude::*;

use super::{
    DATASETS, POOLS, Shown, ordered,
    style::{self, Canvas},
};

const PANEL: (u32, u32) = (430, 360);
const TOP: u32 = 96;
const LEAST_WIDTH: u32 = 720;
/// Room on the right of a panel for its lines' names.
const LABELS: u32 = 90;

pub(super) fn draw(shown: &Shown<'_>, title: &str) -> Result<Option<String>> {
    let rows: Vec<(usize, &MetricRow)> = shown
        .rows
        .iter()
        .copied()
        .filter_map(|row| Some((rounds(&row.router)?, row)))
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let mut panels: Vec<(&str, &str)> = Vec::new();
    for dataset in ordered(rows.iter().map(|(_, row)| row.dataset.as_str()), &DATASETS) {
        let own = rows.iter().filter(|(_, row)| row.dataset == dataset);
        for embedder in ordered(own.map(|(_, row)| row.embedder.as_str()), &[]) {
            panels.push((dataset, embedder));
        }
    }
    let size = (
        (PANEL.0 * panels.len() as u32).max(LEAST_WIDTH),
        TOP + PANEL.1,
    );
    let svg = style::svg(size, |canvas| {
        let lines = [
            shown.caption("bands"),
            "Solid: query split, no query text on both sides. Dashed: instance split, the paper's."
                .to_owned(),
        ];
        style::heading(canvas, title, &lines)?;
        for (column, (dataset, embedder)) in panels.iter().enumerate() {
            let panel = canvas.clone().shrink((PANEL.0 * column as u32, TOP), PANEL);
            let panel_rows: Vec<(usize, &MetricRow)> = rows
                .iter()
                .filter(|(_, row)| row.dataset == *dataset && row.embedder == *embedder)
                .copied()
                .collect();
            draw_panel(&panel, &format!("{dataset}, {embedder}"), &panel_rows)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

/// N of the label `oats-s1-nN`.
fn rounds(router: &str) -> Option<usize> {
    router.strip_prefix("oats-s1-n")?.parse().ok()
}

fn draw_panel(panel: &Canvas<'_>, title: &str, rows: &[(usize, &MetricRow)]) -> Result<()> {
    let most = rows.iter().map(|(n, _)| *n).max().unwrap_or(1).max(1) as f64;
    let lowest = rows
        .iter()
        .map(|(_, row)| row.ci_low.get())
        .fold(1.0, f64::min);
    let floor = (lowest * 20.0).floor() / 20.0;
    let mut chart = ChartBuilder::on(panel)
        .margin(12)
        .margin_right(LABELS)
        .x_label_area_size(44)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..most, floor..1.0)?;
    style::axes(&mut chart.configure_mesh())
        .disable_x_mesh()
        .x_labels(most as usize + 1)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.2}"))
        .x_desc(format!("rounds N: {title}"))
        .y_desc("NDCG@5")
        .draw()?;
    let colour = style::colour("oats-s1");
    for pool in POOLS {
        let mut ends = Vec::new();
        for split in ["instance", "query"] {
            let mut line: Vec<(f64, &MetricRow)> = rows
                .iter()
                .filter(|(_, row)| row.pool == pool && row.split == split)
                .map(|&(rounds, row)| (rounds as f64, row))
                .collect();
            line.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            let Some((_, last)) = line.last() else {
                continue;
            };
            ends.push(last.value.get());
            let low = line.iter().map(|(n, row)| (*n, row.ci_low.get()));
            let high = line.iter().rev().map(|(n, row)| (*n, row.ci_high.get()));
            let band: Vec<(f64, f64)> = low.chain(high).collect();
            let points: Vec<(f64, f64)> =
                line.iter().map(|(n, row)| (*n, row.value.get())).collect();
            let dots = points.iter().map(|&at| Circle::new(at, 3, colour.filled()));
            chart.draw_series([Polygon::new(band, colour.mix(0.10).filled())])?;
            chart.draw_series(dots)?;
            let stroke = colour.stroke_width(2);
            if split == "query" {
                chart.draw_series(LineSeries::new(points, stroke))?;
            } else {
                chart.draw_series(DashedLineSeries::new(points, 6, 4, stroke))?;
            }
        }
        if ends.is_empty() {
            continue;
        }
        // One name for both splits, half way between where they end.
        let middle = ends.iter().sum::<f64>() / ends.len() as f64;
        let (x, y) = chart.backend_coord(&(most, middle));
        let (left, top) = panel.get_base_pixel();
        panel.draw(&Text::new(
            pool,
            (x - left + 10, y - top - 7),
            style::text(13, style::INK),
        ))?;
    }
    Ok(())
}
