//! Rows of three experiments, joined.

use std::collections::BTreeSet;

use oats_llm::MachinePrice;

use super::Frontier;
use crate::{
    Manifest,
    latency::{POOLS, WHOLE},
    rows::{CostRow, DOLLARS, LatencyRow, MetricRow, NO_EMBEDDER, overall_means},
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

/// The rows of the experiments that a frontier names.
#[derive(Debug, Default)]
pub struct Joined {
    /// Of [`Frontier::quality`], with what they were made from.
    pub quality: (Vec<MetricRow>, Option<Manifest>),
    /// Of [`Frontier::latency`].
    pub latency: Vec<LatencyRow>,
    /// Of [`Frontier::costs`], with what they were made from.
    pub costs: (Vec<CostRow>, Option<Manifest>),
}

impl FrontierPoints {
    /// Joins the rows by dataset, pool, router and embedder.
    pub fn new(study: &Frontier, joined: &Joined) -> Self {
        let quality = overall_means(&joined.quality.0, study.metric, study.split);
        let (mut routers, mut llms) = (Vec::new(), Vec::new());
        let costs = joined.costs.1.as_ref();
        let machine = costs.and_then(|manifest| {
            let mut priced = study.embedders.keys();
            priced.find_map(|dataset| manifest.prices(&dataset.to_string())?.machine().ok())
        });
        for (dataset, embedder) in &study.embedders {
            let (dataset, embedder) = (dataset.to_string(), embedder.to_string());
            for pool in POOLS.map(|pool| pool.to_string()) {
                let timed = joined.latency.iter().filter(|row| {
                    row.dataset == dataset
                        && row.pool == pool
                        && [&embedder, NO_EMBEDDER].contains(&row.embedder.as_str())
                        && row.threads == "1"
                        && row.callers == "1"
                        && row.stage == WHOLE
                });
                let timed: Vec<&LatencyRow> = timed.collect();
                if timed.is_empty() {
                    continue;
                }
                for router in &study.routers {
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
                        row.dataset == dataset
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
                        dollars: machine
                            .map(|machine| mean.value.get() * 1e3 / 3600.0 * machine.core_hour),
                    });
                }
                let selections: Vec<&CostRow> = joined
                    .costs
                    .0
                    .iter()
                    .filter(|row| row.dataset == dataset && row.shown == pool)
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
        let quality = joined.quality.1.as_ref();
        Self {
            routers,
            llms,
            not_upstream: quality.map_or(String::new(), Manifest::not_upstream_note),
            machine: machine.cloned(),
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
