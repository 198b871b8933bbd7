//! Quality against a cost: a mark with its interval for each router, a line through the best for no more, and names.

use std::{collections::BTreeMap, fmt::Display};

use anyhow::Result;
use plotters::{coord::types::RangedCoordf64, prelude::*, style::text_anchor::HPos};

use super::{
    by_embedder,
    names::{Area, Column, Name, Spot, along, beside, overlap, width},
    style::{self, Canvas},
};

/// Of names.
const LETTERS: u32 = 11;
/// Between a column of names and its marks.
const AWAY: i32 = 14;
/// The same where there is hardly any room.
const CLOSE: i32 = 6;

/// Above the panels, for the title and what is said below it.
const TOP: u32 = 100;
const PANEL: (u32, u32) = (520, 470);

/// A figure of panels: a column for each dataset and a line for each of `lines`.
pub(super) fn figure<L>(
    title: &str,
    said: &[String],
    datasets: &[&str],
    lines: &[L],
    draw: impl Fn(&Canvas<'_>, &str, &L) -> Result<()>,
) -> Result<String> {
    let size = (
        (PANEL.0 * datasets.len() as u32).max(900),
        TOP + PANEL.1 * lines.len() as u32,
    );
    style::svg(size, |canvas| {
        style::heading(canvas, title, said)?;
        for (line, of) in lines.iter().enumerate() {
            for (column, dataset) in datasets.iter().enumerate() {
                let corner = (PANEL.0 * column as u32, TOP + PANEL.1 * line as u32);
                draw(&canvas.clone().shrink(corner, PANEL), dataset, of)?;
            }
        }
        Ok(())
    })
}

/// The embedders of these datasets.
pub(super) fn embedders_of<E: Display>(
    embedders: &BTreeMap<impl Display, E>,
    datasets: &[&str],
) -> String {
    let named = (embedders.iter())
        .map(|(dataset, embedder)| (dataset.to_string(), embedder.to_string()))
        .filter(|(dataset, _)| datasets.contains(&dataset.as_str()));
    let named = Vec::from_iter(named);
    by_embedder(named.iter().map(|(d, e)| (d.as_str(), e.as_str())))
}

/// The metric as an axis says it.
pub(super) fn metric_title(metric: impl Display) -> String {
    metric.to_string().to_uppercase()
}

/// The axes of a panel.
pub(super) struct Scale<'s> {
    /// The ends of the axis of costs, which is logarithmic.
    pub(super) decades: (f64, f64),
    /// What stands at a decade.
    pub(super) label: &'s dyn Fn(f64) -> String,
    /// What the costs are.
    pub(super) costs: String,
    /// The metric.
    pub(super) quality: String,
    /// Where its axis ends.
    pub(super) ceiling: f64,
}

/// A router of a panel.
pub(super) struct Mark<'m> {
    pub(super) router: &'m str,
    /// `None` if it is not known: then there is no mark.
    pub(super) cost: Option<f64>,
    /// Mean, and the ends of its interval.
    pub(super) quality: [f64; 3],
}

/// A panel with its axes.
pub(super) struct Trade<'t, 'c> {
    area: &'t Canvas<'c>,
    chart: ChartContext<'t, SVGBackend<'c>, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
    decades: (f64, f64),
    /// Where the axis of quality begins and ends.
    floor: f64,
    ceiling: f64,
}

impl<'t, 'c> Trade<'t, 'c> {
    /// Draws the axes, so that there is room for the marks.
    pub(super) fn new(area: &'t Canvas<'c>, scale: &Scale<'_>, marks: &[Mark<'_>]) -> Result<Self> {
        let lowest = marks.iter().map(|mark| mark.quality[1]);
        let floor = (lowest.fold(1.0, f64::min) * 10.0).floor() / 10.0;
        let (from, to) = scale.decades;
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(60)
            .build_cartesian_2d(from..to, floor..scale.ceiling)?;
        style::axes(&mut chart.configure_mesh())
            .x_labels((to - from) as usize + 1)
            .x_label_formatter(&|decade| (scale.label)(*decade))
            .y_label_formatter(&|y| format!("{y:.2}"))
            .x_desc(scale.costs.as_str())
            .y_desc(scale.quality.as_str())
            .draw()?;
        Ok(Self {
            area,
            chart,
            decades: scale.decades,
            floor,
            ceiling: scale.ceiling,
        })
    }

    fn pixel(&self, cost: f64, quality: f64) -> Spot {
        let (from, to) = self.decades;
        let (left, top) = self.area.get_base_pixel();
        let (x, y) = (self.chart).backend_coord(&(cost.log10().clamp(from, to), quality));
        (x - left, y - top)
    }

    /// The upper end of the panel, at that cost.
    pub(super) fn top(&self, cost: f64) -> Spot {
        self.pixel(cost, self.ceiling)
    }

    /// The lower end.
    pub(super) fn bottom(&self, cost: f64) -> Spot {
        self.pixel(cost, self.floor)
    }

    /// Between the axes' ends.
    pub(super) fn panel(&self) -> Area {
        let (from, to) = self.decades;
        let (left, top) = self.top(10f64.powf(from));
        let (right, bottom) = self.bottom(10f64.powf(to));
        [left, top, right, bottom]
    }

    /// Draws the marks, and their names where nothing is `written`: those of crowds within `clear`.
    pub(super) fn draw(
        &self,
        marks: &[Mark<'_>],
        clear: Area,
        mut written: Vec<Area>,
    ) -> Result<()> {
        let (area, panel) = (self.area, self.panel());
        let shown: Vec<(&str, f64, [f64; 3])> = marks
            .iter()
            .filter_map(|mark| Some((mark.router, mark.cost?, mark.quality)))
            .collect();
        let mut steps: Vec<Spot> = Vec::new();
        for (x, value) in best_by_then(shown.iter().map(|(_, x, [value, ..])| (*x, *value))) {
            let at = self.pixel(x, value);
            steps.extend(steps.last().map(|last| (at.0, last.1)));
            steps.push(at);
        }
        steps.extend(steps.last().map(|last| (panel[2], last.1)));
        area.draw(&PathElement::new(
            steps.clone(),
            style::FAINT.mix(0.6).stroke_width(1),
        ))?;
        let mut taken = along(&steps);
        let mut names = Vec::new();
        for (router, x, [value, low, high]) in shown {
            let colour = style::colour(router);
            let at = self.pixel(x, value);
            let ends = [self.pixel(x, low), self.pixel(x, high)];
            area.draw(&PathElement::new(ends, colour.mix(0.5).stroke_width(1)))?;
            area.draw(&Circle::new(at, 4, colour.filled()))?;
            taken.extend(along(&ends));
            taken.push(at);
            names.push(Name {
                at,
                words: style::title(router).to_owned(),
                colour,
            });
        }
        let around = |Name { at: (x, y), .. }: &Name| [x - 4, y - 4, x + 4, y + 4];
        let marks: Vec<Area> = names.iter().map(around).collect();
        let (crowds, alone) = crowds(names);
        for crowd in crowds {
            let hidden = [&marks[..], &written].concat();
            written.extend(name_crowd(area, clear, crowd, &alone, &hidden)?);
        }
        beside(area, panel, (LETTERS, 1), &alone, &taken, written)
    }
}

/// The points that have a better value than all before them.
fn best_by_then(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = points.collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut best = f64::NEG_INFINITY;
    points.retain(|(_, value)| {
        let is_better = *value > best;
        best = best.max(*value);
        is_better
    });
    points
}

/// Names whose marks crowd so that each cannot have its own beside it, and those that can.
fn crowds(names: Vec<Name>) -> (Vec<Vec<Name>>, Vec<Name>) {
    const NEAR: (i32, i32) = (40, 24);
    const CROWD: usize = 4;
    let near =
        |a: &Name, b: &Name| (a.at.0 - b.at.0).abs() < NEAR.0 && (a.at.1 - b.at.1).abs() < NEAR.1;
    let mut groups: Vec<Vec<Name>> = Vec::new();
    for name in names {
        let (touched, mut others): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|group| group.iter().any(|other| near(other, &name)));
        let mut group: Vec<Name> = touched.into_iter().flatten().collect();
        group.push(name);
        others.push(group);
        groups = others;
    }
    let (crowds, alone): (Vec<_>, Vec<_>) =
        (groups.into_iter()).partition(|group| group.len() >= CROWD);
    (crowds, alone.into_iter().flatten().collect())
}

/// Names in a column to the right of their marks, or to the left if there is no room but there, or less of what is
/// `taken` would be hidden there; above or below the marks that stand `alone` in its way.
fn name_crowd(
    area: &Canvas<'_>,
    clear: Area,
    crowd: Vec<Name>,
    alone: &[Name],
    taken: &[Area],
) -> Result<Vec<Area>> {
    const LINE: i32 = LETTERS as i32 + 3;
    let mut widest = 0;
    for name in &crowd {
        widest = widest.max(width(area, &name.words, LETTERS)?);
    }
    let ends = || crowd.iter().map(|name| name.at.0);
    let (first, last) = (ends().min().unwrap_or(0), ends().max().unwrap_or(0));
    let left = first - AWAY;
    let right = (last + AWAY).min(clear[2] - widest).max(last + CLOSE);
    let heights = || crowd.iter().map(|name| name.at.1);
    let (highest, lowest) = (heights().min().unwrap_or(0), heights().max().unwrap_or(0));
    // As high as the column is at least, around the middle of its marks.
    let (middle, half) = (
        (highest + lowest) / 2,
        (lowest - highest).max(LINE * crowd.len() as i32) / 2,
    );
    let hides = |from: i32| {
        let place = [from, middle - half, from + widest, middle + half];
        taken.iter().filter(|other| overlap(&place, other)).count()
    };
    let fits_right = right + widest <= clear[2];
    let fits_left = left - widest >= clear[0];
    let is_on_the_left = fits_left && (!fits_right || hides(left - widest) < hides(right));
    let (x, side, span) = match is_on_the_left {
        true => (left, HPos::Right, left - widest..first),
        false => (right, HPos::Left, last..right + widest),
    };
    let in_the_way = || {
        let near = |x: i32| (span.start - AWAY..span.end + AWAY).contains(&x);
        alone
            .iter()
            .filter(move |name| near(name.at.0))
            .map(|name| name.at.1)
    };
    let above = in_the_way().filter(|y| *y < highest).max();
    let below = in_the_way().filter(|y| *y > lowest).min();
    let column = Column {
        x,
        side,
        within: (
            above.map_or(clear[1] + LINE / 2, |y| y + LINE),
            below.map_or(clear[3] - LINE / 2, |y| y - LINE),
        ),
        size: LETTERS,
    };
    column.write(area, crowd)
}
