//! Calls a key provider by ttrpc, as programs of Confidential Containers do: many requests at the same time on one
//! connection.
//!
//!     keyprovider-ttrpc unix:///PATH UnWrapKey COUNT <request >answer
use std::io::{Read, Write};

/// A message whose only member is `bytes`, number 1.
fn wrap(octets: &[u8]) -> Vec<u8> {
    let mut message = vec![0x0a];
    let mut len = octets.len();
    while len >= 0x80 {
        message.push(len as u8 | 0x80);
        len >>= 7;
    }
    message.push(len as u8);
    message.extend_from_slice(octets);
    message
}

fn unwrap(message: &[u8]) -> Option<&[u8]> {
    let mut at = 1;
    let (mut len, mut shift) = (0usize, 0);
    loop {
        let byte = *message.get(at)?;
        at += 1;
        len |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (message[0] == 0x0a)
        .then(|| message.get(at..at + len))
        .flatten()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let mut request = Vec::new();
    std::io::stdin().read_to_end(&mut request)?;
    let client = ttrpc::Client::connect(&args[1])?;
    let threads: Vec<_> = (0..args[3].parse()?)
        .map(|_| {
            let client = client.clone();
            let request = ttrpc::proto::Request {
                service: "keyprovider.KeyProviderService".to_string(),
                method: args[2].clone(),
                timeout_nano: 20_000_000_000,
                payload: wrap(&request),
                ..Default::default()
            };
            std::thread::spawn(move || client.request(request))
        })
        .collect();
    let mut answer = Vec::new();
    for thread in threads {
        let response = thread.join().expect("a thread")?;
        answer = unwrap(&response.payload).ok_or("no answer")?.to_vec();
    }
    std::io::stdout().write_all(&answer)?;
    Ok(())
}
