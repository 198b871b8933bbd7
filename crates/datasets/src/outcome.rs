//! What a routing log tells: which tool was called, and whether it worked.

use crate::ToolId;

/// One line of a routing log: a tool that was called for a query.
///
/// A [label](crate::Query::relevant) tells every right tool of a query; an outcome tells about the
/// tool that was called and about no other.
///
/// ```
/// use oats_datasets::Outcome;
///
/// // The policy showed tool 3 with probability 0.2, and the call failed.
/// let outcome = Outcome { tool: 3, success: false, propensity: 0.2 };
/// // Weighted by inverse propensity, it stands for the five calls such a policy draws it from.
/// assert_eq!(1.0 / outcome.propensity, 5.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The tool that was called.
    pub tool: ToolId,
    /// Whether it did what the query asked for.
    pub success: bool,
    /// The probability with which the logging policy chose or showed the tool, in (0, 1].
    pub propensity: f32,
}
