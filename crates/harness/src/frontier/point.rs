//! Rows of three experiments, joined.

use std::collections::BTreeSet;

use oats_llm::MachinePrice;

use super::{Frontier, POOLS};
use crate::{
    Manifest,
    rows::{CostRow, DOLLARS, LatencyRow, MetricRow, means_over_most_seeds},
};

/// What is known of every router that was timed, and of an LLM in its place.
#[derive(Debug)]
pub struct FrontierPoints {
    /// By dataset, pool and router, in the experiment's order.
    pub routers: Vec<Point>,
    /// By dataset and pool.
    pub llms: Vec<LlmRange>,
    /// Which files were not upstream's, in words.
    pub(crate) not_upstream: String,
    /// What a core costs, if there is a price list.
    pub(crate) machine: Option<MachinePrice>,
}

/// A router on a pool of a dataset.
#[derive(Clone, Debug)]
pub struct Point {
    /// The dataset.
    pub dataset: String,
    /// `candidates` or `catalogue`.
    pub pool: String,
    /// The router's label.
    pub router: String,
    /// Mean, and the ends of its interval; `None` where the quality rows have none.
    pub quality: Option<[f64; 3]>,
    /// Median, text in to ranked tools out.
    pub p50_ms: f64,
    /// The 95th percentile.
    pub p95_ms: f64,
    /// Of how many requests.
    pub requests: usize,
    /// Per million requests: the mean time, at the price of one core; `None` without a price list.
    pub dollars: Option<f64>,
}

/// What an LLM that selects tools takes and costs.
#[derive(Clone, Debug)]
pub struct LlmRange {
    /// The dataset.
    pub dataset: String,
    /// `candidates` or `catalogue`.
    pub pool: String,
    /// Cited.
    pub milliseconds: [f64; 2],
    /// Per million requests: counted tokens at all prices of the list, by both prompts, nothing of them
    /// from a cache.
    pub dollars: Option<[f64; 2]>,
    /// The names of these prices.
    pub prices: Vec<String>,
}

/// Scenarios of cost rows in which an LLM selects.
const SELECTS: [&str; 2] = ["select-list", "select-functions"];
/// How much less time a router must take than another to be faster: timings of the same work differ.
const FASTER: f64 = 0.9;

impl FrontierPoints {
    /// Joins the study's own rows with those of the experiments that it names.
    pub fn new(
        study: &Frontier,
        latency: &[LatencyRow],
        manifest: &Manifest,
        quality: &[MetricRow],
        costs: &[CostRow],
    ) -> Self {
        let metric = study.metric.to_string();
        let split = study.split.to_string();
        let quality = quality.iter().filter(|row| {
            row.metric == metric
                && row.split == split
                && row.subset == "all"
                && row.outcomes == "all"
        });
        let quality = means_over_most_seeds(quality);
        let (mut routers, mut llms) = (Vec::new(), Vec::new());
        let timed: BTreeSet<&String> = latency.iter().map(|row| &row.dataset).collect();
        let machine = |dataset: &str| manifest.prices(dataset)?.machine().ok();
        for dataset in timed.iter().copied() {
            let core_hour = machine(dataset).map(|machine| machine.core_hour);
            for pool in POOLS.map(|pool| pool.to_string()) {
                let timed: Vec<&LatencyRow> = latency
                    .iter()
                    .filter(|row| row.dataset == *dataset && row.pool == pool)
                    .collect();
                if timed.is_empty() {
                    continue;
                }
                for router in study.routers.iter().map(|router| &router.label) {
                    let row = |quantity: &str| {
                        let mut rows = timed.iter();
                        rows.find(|row| row.router == *router && row.quantity == quantity)
                    };
                    let (Some(p50), Some(p95), Some(mean)) =
                        (row("p50-ms"), row("p95-ms"), row("mean-ms"))
                    else {
                        continue;
                    };
                    let chosen = quality.iter().find(|row| {
                        row.dataset == *dataset
                            && row.pool == pool
                            && row.router == *router
                            && row.embedder == p50.embedder
                    });
                    routers.push(Point {
                        dataset: dataset.clone(),
                        pool: pool.clone(),
                        router: router.clone(),
                        quality: chosen
                            .map(|row| [row.value, row.ci_low, row.ci_high].map(|n| n.get())),
                        p50_ms: p50.value.get(),
                        p95_ms: p95.value.get(),
                        requests: p50.n,
                        // Milliseconds a request are thousands of seconds a million.
                        dollars: core_hour.map(|price| mean.value.get() * 1e3 / 3600.0 * price),
                    });
                }
                let selections: Vec<&CostRow> = costs
                    .iter()
                    .filter(|row| row.dataset == *dataset && row.shown == pool)
                    .filter(|row| row.quantity == DOLLARS)
                    .filter(|row| SELECTS.contains(&row.scenario.as_str()))
                    .collect();
                let prices: BTreeSet<&String> = selections.iter().map(|row| &row.price).collect();
                llms.push(LlmRange {
                    milliseconds: study.llm.milliseconds,
                    dollars: range(&selections),
                    prices: prices.into_iter().cloned().collect(),
                    dataset: dataset.clone(),
                    pool,
                });
            }
        }
        Self {
            routers,
            llms,
            not_upstream: manifest.not_upstream_note(),
            machine: timed.first().and_then(|dataset| machine(dataset)).cloned(),
        }
    }

    /// The routers of a dataset and pool.
    pub fn of(&self, dataset: &str, pool: &str) -> Vec<&Point> {
        let routers = self.routers.iter();
        routers
            .filter(|point| point.dataset == dataset && point.pool == pool)
            .collect()
    }
}

impl Point {
    /// Whether none of `others` chooses better in clearly less time.
    pub fn is_on_the_frontier(&self, others: &[&Self]) -> bool {
        let Some([own, ..]) = self.quality else {
            return false;
        };
        others.iter().all(|other| {
            other.quality.is_none_or(|[theirs, ..]| theirs <= own)
                || other.p50_ms >= FASTER * self.p50_ms
        })
    }
}

fn range(rows: &[&CostRow]) -> Option<[f64; 2]> {
    let values = rows.iter().map(|row| row.value.get());
    values.fold(None, |range, value| {
        let [low, high] = range.unwrap_or([value, value]);
        Some([value.min(low), value.max(high)])
    })
}
