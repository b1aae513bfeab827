// IGVM files as Rust's igvm writes and measures them, for tests/interop/measure.sh.
//   igvm-peer make FOLDER COUNT: writes COUNT files, no two alike
//   igvm-peer measure FILE...: a line for each: the file, SEV-SNP's launch digest, TDX's MRTD ("-": not for it)
use igvm::measurement::{generate_snp_measurement, generate_tdx_measurement};
use igvm::snp_defs::SevVmsa;
use igvm::{Arch, IgvmDirectiveHeader, IgvmFile, IgvmInitializationHeader, IgvmPlatformHeader, IgvmRevision};
use igvm_defs::*;
use zerocopy::{FromZeros, IntoBytes};

const PLATFORMS: [(u32, IgvmPlatformType); 3] =
    [(1, IgvmPlatformType::SEV_SNP), (2, IgvmPlatformType::TDX), (4, IgvmPlatformType::VSM_ISOLATION)];

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }
    fn data(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.roll(256) as u8).collect()
    }
}

fn page(dice: &mut Dice, gpa: u64) -> IgvmDirectiveHeader {
    let kind = dice.roll(10);
    let data_type = match kind {
        0 => IgvmPageDataType::SECRETS,
        1 => IgvmPageDataType::CPUID_DATA,
        2 => IgvmPageDataType::CPUID_XF,
        _ => IgvmPageDataType::NORMAL,
    };
    let compatibility_mask = if kind < 3 { 1 } else { 1 + dice.roll(7) as u32 };
    let flags = IgvmPageDataFlags::new().with_unmeasured(kind == 3).with_shared(kind == 4);
    let len = [0, 17, 4095, 4096][dice.roll(4) as usize];
    IgvmDirectiveHeader::PageData { gpa, compatibility_mask, flags, data_type, data: dice.data(len) }
}

fn parameters(dice: &mut Dice, index: u32, gpa: u64, to: &mut Vec<IgvmDirectiveHeader>) {
    let pages = 1 + dice.roll(3);
    let initial_data = if dice.roll(2) == 0 { Vec::new() } else { dice.data(100) };
    to.push(IgvmDirectiveHeader::ParameterArea {
        number_of_bytes: pages * PAGE_SIZE_4K,
        parameter_area_index: index,
        initial_data,
    });
    let at = IGVM_VHS_PARAMETER { parameter_area_index: index, byte_offset: 64 };
    to.push(match dice.roll(4) {
        0 => IgvmDirectiveHeader::VpCount(at),
        1 => IgvmDirectiveHeader::MemoryMap(at),
        2 => IgvmDirectiveHeader::Madt(at),
        _ => IgvmDirectiveHeader::DeviceTree(at),
    });
    to.push(IgvmDirectiveHeader::ParameterInsert(IGVM_VHS_PARAMETER_INSERT {
        gpa,
        compatibility_mask: 1 + dice.roll(3) as u32,
        parameter_area_index: index,
    }));
}

fn id_block(ld: [u8; 48]) -> IgvmDirectiveHeader {
    let signature = IGVM_VHS_SNP_ID_BLOCK_SIGNATURE { r_comp: [1; 72], s_comp: [2; 72] };
    let key = IGVM_VHS_SNP_ID_BLOCK_PUBLIC_KEY { curve: 2, reserved: 0, qx: [3; 72], qy: [4; 72] };
    IgvmDirectiveHeader::SnpIdBlock {
        compatibility_mask: 1,
        author_key_enabled: 0,
        reserved: [0; 3],
        ld,
        family_id: [5; 16],
        image_id: [6; 16],
        version: 1,
        guest_svn: 0,
        id_key_algorithm: 1,
        author_key_algorithm: 0,
        id_key_signature: Box::new(signature),
        id_public_key: Box::new(key),
        author_key_signature: Box::new(signature),
        author_public_key: Box::new(key),
    }
}

fn platforms() -> Vec<IgvmPlatformHeader> {
    let header = |(compatibility_mask, platform_type)| {
        IgvmPlatformHeader::SupportedPlatform(IGVM_VHS_SUPPORTED_PLATFORM {
            compatibility_mask,
            highest_vtl: 0,
            platform_type,
            platform_version: 1,
            shared_gpa_boundary: 0,
        })
    };
    PLATFORMS.into_iter().map(header).collect()
}

fn make(seed: u64) -> Vec<u8> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (seed + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9));
    let policy = [1u32, 2].map(|compatibility_mask| IgvmInitializationHeader::GuestPolicy {
        policy: 0x30000,
        compatibility_mask,
    });
    // A platform for which there is nothing has no value.
    let mut all = vec![IgvmDirectiveHeader::PageData {
        gpa: 0,
        compatibility_mask: 3,
        flags: IgvmPageDataFlags::new(),
        data_type: IgvmPageDataType::NORMAL,
        data: dice.data(4096),
    }];
    for i in 0..5 + dice.roll(20) {
        let gpa = (0x10_0000 + i * 0x10) * PAGE_SIZE_4K;
        match dice.roll(8) {
            0 => parameters(&mut dice, i as u32, gpa, &mut all),
            1 => all.push(IgvmDirectiveHeader::RequiredMemory {
                gpa,
                compatibility_mask: 7,
                number_of_bytes: 0x8000,
                vtl2_protectable: false,
            }),
            2 => all.push(IgvmDirectiveHeader::ErrorRange { gpa, compatibility_mask: 1, size_bytes: 0x1000 }),
            _ => all.push(page(&mut dice, gpa)),
        }
    }
    for vp_index in 0..dice.roll(3) as u16 {
        let mut vmsa = SevVmsa::new_box_zeroed().unwrap();
        let registers = dice.data(256);
        vmsa.as_mut_bytes()[..256].copy_from_slice(&registers);
        all.push(IgvmDirectiveHeader::SnpVpContext { gpa: 0xffff_ffff_f000, compatibility_mask: 1, vp_index, vmsa });
    }
    if dice.roll(3) == 0 {
        all.push(id_block(generate_snp_measurement(&policy, &all, 1).unwrap()));
    }
    let revision = match dice.roll(2) {
        0 => IgvmRevision::V1,
        _ => IgvmRevision::V2 { arch: Arch::X64, page_size: PAGE_SIZE_4K as u32 },
    };
    let mut out = Vec::new();
    IgvmFile::new(revision, platforms(), policy.to_vec(), all).unwrap().serialize(&mut out).unwrap();
    out
}

fn mask_of(file: &IgvmFile, wanted: IgvmPlatformType) -> Option<u32> {
    file.platforms().iter().find_map(|IgvmPlatformHeader::SupportedPlatform(p)| {
        (p.platform_type == wanted).then_some(p.compatibility_mask)
    })
}

fn hex(digest: Option<[u8; 48]>) -> String {
    digest.map_or("-".into(), |d| d.iter().map(|b| format!("{b:02x}")).collect())
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args[0] == "make" {
        for i in 0..args[2].parse().unwrap() {
            std::fs::write(format!("{}/{i}.igvm", args[1]), make(i)).unwrap();
        }
        return;
    }
    for path in &args[1..] {
        let file = IgvmFile::new_from_binary(&std::fs::read(path).unwrap(), None).unwrap();
        let snp = mask_of(&file, IgvmPlatformType::SEV_SNP)
            .map(|mask| generate_snp_measurement(file.initializations(), file.directives(), mask).unwrap());
        let tdx = mask_of(&file, IgvmPlatformType::TDX)
            .map(|mask| generate_tdx_measurement(file.directives(), mask).unwrap());
        println!("{path} {} {}", hex(snp), hex(tdx));
    }
}
