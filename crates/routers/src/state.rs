//! What a fitted router consists of, and the file it is kept in.
//!
//! # File format
//! A safetensors file whose tensors are the router's arrays (`F32`, codes `I8`), with one metadata entry,
//! `oats-router`: JSON with the format's `version`, the [`RouterSpec`] that was fitted, and `notes`,
//! what is no array (words, ids). A router inside a router has its names behind a prefix,
//! `base/tools`.

use std::{collections::BTreeMap, fs, path::Path};

use ndarray::{Array, Array2, ArrayBase, ArrayD, ArrayView2, Data, Dimension};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, Router, RouterSpec, process::not_kept};

/// Named arrays, and notes for what is no array.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    arrays: BTreeMap<String, Numbers>,
    notes: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, PartialEq)]
enum Numbers {
    Floats(ArrayD<f32>),
    Codes(ArrayD<i8>),
}

impl Numbers {
    fn shape(&self) -> &[usize] {
        match self {
            Self::Floats(array) => array.shape(),
            Self::Codes(array) => array.shape(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Floats(array) => size_of::<f32>() * array.len(),
            Self::Codes(array) => array.len(),
        }
    }
}

const METADATA: &str = "oats-router";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    router: RouterSpec,
    notes: BTreeMap<String, Value>,
}

impl State {
    /// Adds an array.
    pub fn put<S: Data<Elem = f32>, D: Dimension>(&mut self, name: &str, array: &ArrayBase<S, D>) {
        let array = Numbers::Floats(array.to_owned().into_dyn());
        self.arrays.insert(name.to_owned(), array);
    }

    /// Adds an array of quantised numbers.
    pub fn put_codes(&mut self, name: &str, codes: ArrayView2<'_, i8>) {
        let codes = Numbers::Codes(codes.to_owned().into_dyn());
        self.arrays.insert(name.to_owned(), codes);
    }

    /// Adds what is no array.
    pub fn note(&mut self, name: &str, content: impl Into<Value>) {
        self.notes.insert(name.to_owned(), content.into());
    }

    /// Adds everything of `inner` behind `prefix/`.
    pub fn nest(&mut self, prefix: &str, inner: State) {
        let named = |name: String| format!("{prefix}/{name}");
        let arrays = inner.arrays.into_iter();
        self.arrays
            .extend(arrays.map(|(name, array)| (named(name), array)));
        let notes = inner.notes.into_iter();
        self.notes
            .extend(notes.map(|(name, note)| (named(name), note)));
    }

    /// How many numbers the arrays hold: what was learned, and vectors that were taken over.
    pub fn parameters(&self) -> usize {
        self.arrays
            .values()
            .map(|array| array.shape().iter().product::<usize>())
            .sum()
    }

    /// How many bytes the arrays take, and the notes as JSON.
    pub fn bytes(&self) -> usize {
        let arrays = self.arrays.values().map(Numbers::bytes);
        let notes = self.notes.values().map(|note| note.to_string().len());
        arrays.chain(notes).sum()
    }

    /// The array of that name.
    ///
    /// # Errors
    /// [`Error::State`] if there is none, it has another number of dimensions or holds codes.
    pub fn array<D: Dimension>(&self, name: &str) -> Result<Array<f32, D>, Error> {
        match self.numbers(name)? {
            Numbers::Floats(array) => with_dimensions(name, array),
            Numbers::Codes(_) => Err(Error::State(format!("the array `{name}` holds codes"))),
        }
    }

    /// The array of quantised numbers of that name.
    ///
    /// # Errors
    /// [`Error::State`] if there is none, it has other than two dimensions or is not quantised.
    pub fn codes(&self, name: &str) -> Result<Array2<i8>, Error> {
        match self.numbers(name)? {
            Numbers::Codes(array) => with_dimensions(name, array),
            Numbers::Floats(_) => Err(Error::State(format!("the array `{name}` holds no codes"))),
        }
    }

    fn numbers(&self, name: &str) -> Result<&Numbers, Error> {
        self.arrays
            .get(name)
            .ok_or_else(|| Error::State(format!("there is no array `{name}`")))
    }

    /// The note of that name.
    ///
    /// # Errors
    /// [`Error::State`] if there is none or it is something else.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        let note = self
            .notes
            .get(name)
            .ok_or_else(|| Error::State(format!("there is no note `{name}`")))?;
        serde_json::from_value(note.clone())
            .map_err(|error| Error::State(format!("the note `{name}`: {error}")))
    }

    /// Everything behind `prefix/`, without the prefix.
    pub fn nested(&self, prefix: &str) -> State {
        fn behind<T: Clone>(map: &BTreeMap<String, T>, prefix: &str) -> BTreeMap<String, T> {
            map.iter()
                .filter_map(|(name, value)| {
                    let name = name.strip_prefix(prefix)?.strip_prefix('/')?;
                    Some((name.to_owned(), value.clone()))
                })
                .collect()
        }
        State {
            arrays: behind(&self.arrays, prefix),
            notes: behind(&self.notes, prefix),
        }
    }

    /// The file of a router that was fitted by `spec`.
    ///
    /// # Errors
    /// [`Error::State`] if the header cannot be written as JSON, or the router is a process.
    pub fn to_bytes(&self, spec: &RouterSpec) -> Result<Vec<u8>, Error> {
        if spec.process().is_some() {
            return Err(not_kept());
        }
        let header = Header {
            version: VERSION,
            router: spec.clone(),
            notes: self.notes.clone(),
        };
        let header = serde_json::to_string(&header).map_err(fault)?;
        let bytes: Vec<(&String, Dtype, &[usize], Vec<u8>)> = self
            .arrays
            .iter()
            .map(|(name, numbers)| {
                let (dtype, bytes) = match numbers {
                    Numbers::Floats(array) => {
                        let bytes = array.iter().flat_map(|value| value.to_le_bytes());
                        (Dtype::F32, bytes.collect())
                    }
                    Numbers::Codes(array) => {
                        let bytes = array.iter().map(|code| code.cast_unsigned());
                        (Dtype::I8, bytes.collect())
                    }
                };
                (name, dtype, numbers.shape(), bytes)
            })
            .collect();
        let views = bytes
            .iter()
            .map(|(name, dtype, shape, bytes)| {
                TensorView::new(*dtype, shape.to_vec(), bytes).map(|view| (*name, view))
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(fault)?;
        let metadata = [(METADATA.to_owned(), header)].into();
        safetensors::serialize(views, Some(metadata)).map_err(fault)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) made.
    ///
    /// # Errors
    /// [`Error::State`] if it is something else.
    pub fn from_bytes(content: &[u8]) -> Result<(RouterSpec, Self), Error> {
        let file = SafeTensors::deserialize(content).map_err(fault)?;
        let (_, metadata) = SafeTensors::read_metadata(content).map_err(fault)?;
        let header = metadata
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(METADATA))
            .ok_or_else(|| fault(format!("it has no metadata entry `{METADATA}`")))?;
        let header: Header = serde_json::from_str(header).map_err(fault)?;
        if header.version != VERSION {
            return Err(fault(format!(
                "it has version {}, this program reads version {VERSION}",
                header.version
            )));
        }
        let mut arrays = BTreeMap::new();
        for (name, view) in file.tensors() {
            let numbers = match view.dtype() {
                Dtype::F32 => {
                    let (numbers, _) = view.data().as_chunks();
                    let numbers = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes));
                    ArrayD::from_shape_vec(view.shape(), numbers.collect()).map(Numbers::Floats)
                }
                Dtype::I8 => {
                    let codes = view.data().iter().map(|byte| byte.cast_signed());
                    ArrayD::from_shape_vec(view.shape(), codes.collect()).map(Numbers::Codes)
                }
                _ => {
                    let problem = format!("the array `{name}` is not of type F32 or I8");
                    return Err(fault(problem));
                }
            };
            arrays.insert(name, numbers.map_err(fault)?);
        }
        let state = Self {
            arrays,
            notes: header.notes,
        };
        Ok((header.router, state))
    }

    /// Reads a file that holds what [`to_bytes`](Self::to_bytes) made.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read or is something else.
    pub fn load(path: &Path) -> Result<(RouterSpec, Self), Error> {
        let content = fs::read(path).map_err(unreadable(path))?;
        Self::from_bytes(&content).map_err(unreadable(path))
    }
}

fn with_dimensions<T: Clone, D: Dimension>(
    name: &str,
    array: &ArrayD<T>,
) -> Result<Array<T, D>, Error> {
    array.clone().into_dimensionality().map_err(|_| {
        Error::State(format!(
            "the array `{name}` has {} dimensions",
            array.ndim()
        ))
    })
}

fn fault(problem: impl ToString) -> Error {
    Error::State(problem.to_string())
}

fn unreadable<E: ToString>(path: &Path) -> impl Fn(E) -> Error {
    move |problem| Error::File {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

/// Makes a router of a file that holds what [`State::to_bytes`] made.
///
/// # Errors
/// [`Error::File`] or [`Error::State`] if the file is damaged or something else.
pub fn load(path: &Path) -> Result<(RouterSpec, Box<dyn Router>), Error> {
    let (spec, state) = State::load(path)?;
    let router = spec.restore(&state).map_err(unreadable(path))?;
    Ok((spec, router))
}
