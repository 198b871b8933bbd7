//! The upstream files that the loaders read, pinned by commit and git blob id.

/// Files of one commit of a GitHub repository that one data set is read from.
#[derive(Clone, Copy, Debug)]
pub struct Repository<'a> {
    /// The data set that needs the files, for messages.
    pub dataset: &'a str,
    /// GitHub user or organisation.
    pub owner: &'a str,
    /// The repository's name; also the name of a clone in the data folder.
    pub name: &'a str,
    /// The other name that a clone in the data folder may have.
    pub folder: &'a str,
    /// The commit, 40 hex digits.
    pub commit: &'a str,
    /// SPDX expression.
    pub licence: &'a str,
    /// What is read.
    pub files: &'a [PinnedFile<'a>],
}

/// One file of a commit.
#[derive(Clone, Copy, Debug)]
pub struct PinnedFile<'a> {
    /// Path in the repository.
    pub path: &'a str,
    /// The git blob id of its contents, 40 hex digits.
    pub blob_id: &'a str,
}

const fn pin<'a>(path: &'a str, blob_id: &'a str) -> PinnedFile<'a> {
    PinnedFile { path, blob_id }
}

pub(crate) const PLUGINS: &str = "dataset/plugin_des.json";
pub(crate) const PLUGIN_INFO: &str = "dataset/plugin_info.json";
pub(crate) const SIMILAR_CHOICES: &str = "dataset/tmp_dataset/Task2-Subtask1.json";
pub(crate) const SCENARIOS: &str = "dataset/tmp_dataset/Task2-Subtask2.json";
pub(crate) const RELIABILITY: &str = "dataset/tmp_dataset/Task2-Subtask3.json";
pub(crate) const MULTI_TOOL: &str = "dataset/tmp_dataset/Task2-Subtask4.json";
pub(crate) const SINGLE_TOOL: &str = "dataset/data/all_clean_data.csv";

const PLUGINS_PIN: PinnedFile = pin(PLUGINS, "0c086d1a5e7b1586e8d5cafdf044871fa07aa8b8");
const SIMILAR_CHOICES_PIN: PinnedFile =
    pin(SIMILAR_CHOICES, "20231f31cff57839d584aad7bb0151440d9dad6c");
const SCENARIOS_PIN: PinnedFile = pin(SCENARIOS, "3751b4fd94c91150c6f1afe75a6e056ee52a97fe");
const RELIABILITY_PIN: PinnedFile = pin(RELIABILITY, "a7359706ac22d1db2e7d30201d007b14fb3770c4");
const MULTI_TOOL_PIN: PinnedFile = pin(MULTI_TOOL, "7f84fd1d59d423ef2726334e06000e78f7653eec");

/// MetaTool's catalogue and the four subtasks of its Task 2 (Huang et al., arXiv 2310.03128).
pub const METATOOL: Repository = Repository {
    dataset: "metatool",
    owner: "HowieHwong",
    name: "MetaTool",
    folder: "metatool",
    commit: "35e81bb7576826e980c80fed8f8c0a2b4a1e6fbb",
    licence: "MIT",
    files: &[
        PLUGINS_PIN,
        SIMILAR_CHOICES_PIN,
        SCENARIOS_PIN,
        RELIABILITY_PIN,
        MULTI_TOOL_PIN,
    ],
};

/// MetaTool's files, for the data set whose tool texts are the descriptions alone.
pub const METATOOL_DESCRIPTION: Repository = Repository {
    dataset: "metatool-description",
    ..METATOOL
};

/// MetaTool's files and the plugins' own manifests, whose descriptions for the model are read.
pub const METATOOL_FOR_MODEL: Repository = Repository {
    dataset: "metatool-for-model",
    files: &[
        PLUGINS_PIN,
        SIMILAR_CHOICES_PIN,
        SCENARIOS_PIN,
        RELIABILITY_PIN,
        MULTI_TOOL_PIN,
        pin(PLUGIN_INFO, "20cbad749a67a3c2ecbdc6a9e2f6342a92e055a0"),
    ],
    ..METATOOL
};

/// MetaTool's catalogue, its full table of single-tool queries, and the lists of similar tools.
pub const TOOLE: Repository = Repository {
    dataset: "toole",
    files: &[
        PLUGINS_PIN,
        SIMILAR_CHOICES_PIN,
        pin(SINGLE_TOOL, "ae09901a3522df5ed0f83655f57267a4d6775e16"),
    ],
    ..METATOOL
};

/// StableToolBench's six groups of solvable queries (Guo et al., arXiv 2403.07714).
pub const TOOLBENCH: Repository = Repository {
    dataset: "toolbench",
    owner: "THUNLP-MT",
    name: "StableToolBench",
    folder: "stabletoolbench",
    commit: "aa4ed9f4737ad98bd706663f01d63623c3427812",
    licence: "Apache-2.0",
    files: &[
        pin(
            "solvable_queries/test_instruction/G1_category.json",
            "56364621f110b7180422c9c5113cdf6ef8e9af85",
        ),
        pin(
            "solvable_queries/test_instruction/G1_instruction.json",
            "2e1f7656ec9426f357ef18fb6c8030753f1492bc",
        ),
        pin(
            "solvable_queries/test_instruction/G1_tool.json",
            "9e096070290a7ecc640f11d3fc4c8c23e1feaa1c",
        ),
        pin(
            "solvable_queries/test_instruction/G2_category.json",
            "89e25fc033ea506d4151f30068d30e4586218f54",
        ),
        pin(
            "solvable_queries/test_instruction/G2_instruction.json",
            "aa5f3b519994471a0cf8b49e91f71de1761bd2b1",
        ),
        pin(
            "solvable_queries/test_instruction/G3_instruction.json",
            "04a104a23485bb2ed77c726f58c276a3526bba7b",
        ),
    ],
};
