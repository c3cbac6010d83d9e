//! `documents`: resources, read lazily.

use tenon_scim::path;
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, Resource, ResourceType};

use super::charge::{charge, charge_bytes, charge_call, write_out};
use crate::call::Document;
use crate::state::State;

const IMPORT: &str = "documents";

type Read = Result<Option<String>, String>;

pub(super) fn link(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.resource("document", ResourceType::host::<Document>(), |_, _| Ok(()))?;
    linker.func_wrap(
        "[method]document.get",
        |mut store, (document, path): (Resource<Document>, String)| {
            Ok((read(&mut store, &document, &path)?,))
        },
    )?;
    linker.func_wrap(
        "[method]document.get-many",
        |mut store, (document, paths): (Resource<Document>, Vec<String>)| {
            let mut values = Vec::new();
            for path in &paths {
                values.push(read(&mut store, &document, path)?);
            }
            Ok((values,))
        },
    )?;
    linker.func_wrap("[method]document.json", |mut store, (document,): (Resource<Document>,)| {
        charge_call(&mut store, IMPORT, 0)?;
        let value = store.data().table.get(&document)?.value.clone();
        Ok((write_out(&mut store, &value)?,))
    })
}

/// The value at a path, or what is wrong with the path.
fn read(
    store: &mut StoreContextMut<'_, State>,
    document: &Resource<Document>,
    path: &str,
) -> wasmtime::Result<Read> {
    charge_call(store, IMPORT, path.len())?;
    let document = store.data().table.get(document)?.clone();
    let left = store.get_fuel()?;
    let fuel = store.data().allowance.prices.of_path(&document, path, left);
    charge(store, fuel)?;
    let read = match path::read(&document.resource_type, &document.value, path) {
        Ok(value) => Ok(value.map(|value| value.to_string())),
        Err(error) => Err(error.to_string()),
    };
    let bytes = match &read {
        Ok(value) => value.as_ref().map_or(0, String::len),
        Err(message) => message.len(),
    };
    charge_bytes(store, bytes)?;
    Ok(read)
}
