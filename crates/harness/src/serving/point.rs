//! Rows of two experiments, joined.

use super::Serving;
use crate::{
    Manifest,
    latency::{BYTES_PER_TOOL, POOLS, ROUTER, value},
    rows::{LatencyRow, MetricRow, NO_EMBEDDER, overall_means},
};

/// What is known of every router.
#[derive(Debug)]
pub struct ServingPoints {
    /// By dataset and router, in the experiment's order; those of which nothing is known are left out.
    pub routers: Vec<ServingPoint>,
    /// Which files were not upstream's, in words.
    pub(crate) not_upstream: String,
}

/// A router on a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct ServingPoint {
    /// The dataset.
    pub dataset: String,
    /// The router's label.
    pub router: String,
    /// What its state takes.
    pub bytes_per_tool: Option<f64>,
    /// Of its own work on a request over the catalogue: all but the embedding; median, on one thread.
    pub microseconds: Option<f64>,
    /// By how much that is more than the baseline's.
    pub added: Option<f64>,
    /// Over each query's candidates: mean, and the ends of its interval.
    pub candidates: Option<[f64; 3]>,
    /// The same over the catalogue.
    pub catalogue: Option<[f64; 3]>,
}

impl ServingPoints {
    /// Joins the rows by dataset, router and embedder. `made` is what the quality rows were made from.
    pub fn new(
        study: &Serving,
        quality: &[MetricRow],
        made: Option<&Manifest>,
        latency: &[LatencyRow],
    ) -> Self {
        let quality = overall_means(quality, study.metric, study.split);
        let mut routers = Vec::new();
        for (dataset, embedder) in &study.embedders {
            let (dataset, embedder) = (dataset.to_string(), embedder.to_string());
            let is_joined = |of_dataset: &str, with: &str| {
                of_dataset == dataset && [embedder.as_str(), NO_EMBEDDER].contains(&with)
            };
            let joined = || (latency.iter()).filter(|row| is_joined(&row.dataset, &row.embedder));
            let microseconds = |router: &str| {
                let labels = [
                    ("router", router),
                    ("pool", "catalogue"),
                    ("threads", "1"),
                    ("callers", "1"),
                    ("stage", ROUTER),
                    ("quantity", "p50-ms"),
                ];
                Some(1e3 * value(joined(), &labels)?)
            };
            let baseline = microseconds(&study.baseline);
            for router in &study.routers {
                let [candidates, catalogue] = POOLS.map(|pool| {
                    let pool = pool.to_string();
                    let row = quality.iter().find(|row| {
                        is_joined(&row.dataset, &row.embedder)
                            && row.pool == pool
                            && row.router == *router
                    })?;
                    Some([row.value, row.ci_low, row.ci_high].map(|n| n.get()))
                });
                let own = microseconds(router);
                let size = [("router", router.as_str()), ("quantity", BYTES_PER_TOOL)];
                let point = ServingPoint {
                    dataset: dataset.clone(),
                    router: router.clone(),
                    bytes_per_tool: value(joined(), &size),
                    microseconds: own,
                    added: own.zip(baseline).map(|(own, baseline)| own - baseline),
                    candidates,
                    catalogue,
                };
                if point.is_known() {
                    routers.push(point);
                }
            }
        }
        Self {
            routers,
            not_upstream: made.map_or(String::new(), Manifest::not_upstream_note),
        }
    }

    /// The routers of a dataset.
    pub fn of(&self, dataset: &str) -> Vec<&ServingPoint> {
        let routers = self.routers.iter();
        routers.filter(|point| point.dataset == dataset).collect()
    }

    /// The datasets that something is known of, in order.
    pub fn datasets(&self) -> Vec<&str> {
        let mut datasets: Vec<&str> = self.routers.iter().map(|p| p.dataset.as_str()).collect();
        datasets.dedup();
        datasets
    }
}

impl ServingPoint {
    fn is_known(&self) -> bool {
        self.microseconds.is_some() || self.candidates.is_some() || self.catalogue.is_some()
    }
}
