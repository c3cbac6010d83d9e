//! Any JSON as the body of a PATCH request, in every dialect.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenon_fuzz::{SAMPLES, assert_valid, patch};
use tenon_scim::patch::PatchRequest;
use tenon_scim::project::Projection;
use tenon_scim::{Dialect, Object};

fuzz_target!(|data: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Object>(data) else { return };
    let Ok(request) = PatchRequest::parse(&body) else { return };
    for sample in SAMPLES.iter() {
        let names = request.names(&sample.resource_type);
        for dialect in &Dialect::ALL {
            let Ok(mut patched) = patch(sample, &request, dialect) else { continue };
            assert_valid(&sample.resource_type, &patched);
            Projection::default()
                .after_writing(&sample.resource_type, &names)
                .apply(&sample.resource_type, &mut patched);
        }
    }
});
