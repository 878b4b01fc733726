// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest VM that has a clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bench.h"
#include "vm.h"

/* Where Intel CPUs without unrestricted guest get what real mode takes: above the guest's memory, below the BIOS. */
#define IDENTITY_MAP_ADDR	0xfffbc000ULL
#define TSS_ADDR		0xfffbd000UL

/* Real mode: bit 1 of the flags is always set. The guest halts, and halts again each time it is run. */
#define RFLAGS_RESERVED	2
static const uint8_t guest_code[] = {
	/* hlt */
	0xf4,
	/* jmp -3 */
	0xeb, 0xfd,
};

/*
 * Real mode's exceptions, but for the first, whose vector is where the code is: each ends the run with a write to the port of
 * its number.
 */
#define NR_EXCEPTIONS	32
#define GPA_HANDLERS	(GPA_CODE + 0x400)
#define OUT_IMM8	0xe6

/* Room for a few writes of an MSR, 20 bytes each, and 15 for the rest. */
#define PROGRAM_SIZE	128
#define MAX_WRITES	4

/* The MSR range of Xen's hypercall page starts here. */
#define XEN_HYPERCALL_MSR	0x40000000

/* Documentation/virt/kvm/x86/cpuid.rst: the clock features, without which newer kernels may refuse the MSRs. */
#define CPUID_SIGNATURE		0x40000000
#define CPUID_FEATURES		0x40000001
#define FEATURE_CLOCKSOURCE	(1 << 0)
#define FEATURE_CLOCKSOURCE2	(1 << 3)
#define FEATURE_STABLE		(1 << 24)
#define NR_LEAVES		2

struct one_msr {
	struct kvm_msrs header;
	struct kvm_msr_entry entry;
};

struct leaves {
	struct kvm_cpuid2 header;
	struct kvm_cpuid_entry2 entries[NR_LEAVES];
};

static int kvm_fd = -1;

int kvm_open(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, KVM_GET_API_VERSION, NULL) != KVM_API_VERSION)
		return -EPROTO;
	kvm_fd = fd;
	return 0;
}

int kvm_has(int cap)
{
	int value = ioctl(kvm_fd, KVM_CHECK_EXTENSION, cap);

	return value < 0 ? 0 : value;
}

void vm_ioctl(int fd, unsigned long request, const void *arg, const char *name)
{
	if (ioctl(fd, request, arg) < 0)
		failed("%s: %s", name, strerror(errno));
}

void *vm_memory(struct vm *vm, uint64_t gpa)
{
	return vm->memory + gpa;
}

static void set_cpuid(int vcpu_fd)
{
	struct leaves leaves;

	memset(&leaves, 0, sizeof(leaves));
	leaves.header.nent = NR_LEAVES;
	leaves.entries[0].function = CPUID_SIGNATURE;
	leaves.entries[0].eax = CPUID_FEATURES;
	memcpy(&leaves.entries[0].ebx, "KVMK", sizeof(__u32));
	memcpy(&leaves.entries[0].ecx, "VMKV", sizeof(__u32));
	memcpy(&leaves.entries[0].edx, "M\0\0", sizeof(__u32));
	leaves.entries[1].function = CPUID_FEATURES;
	leaves.entries[1].eax = FEATURE_CLOCKSOURCE | FEATURE_CLOCKSOURCE2 | FEATURE_STABLE;
	vm_ioctl(vcpu_fd, KVM_SET_CPUID2, &leaves, "KVM_SET_CPUID2");
}

void vm_add_vcpu(struct vm *vm)
{
	unsigned long id = vm->nr_vcpus;
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct kvm_run *run;
	int fd, size;

	fd = ioctl(vm->fd, KVM_CREATE_VCPU, id);
	if (fd < 0 && errno == EMFILE)
		not_measured("so many vCPUs need more files than this process may open (ulimit -Hn, or root)");
	if (fd < 0 && (errno == EINVAL || errno == EEXIST))
		not_measured("this kernel takes no more than %lu vCPUs in a VM", id);
	if (fd < 0)
		failed("KVM_CREATE_VCPU: %s", strerror(errno));
	size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (size < 0)
		failed("KVM_GET_VCPU_MMAP_SIZE: %s", strerror(errno));
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (run == MAP_FAILED)
		failed("mmap of the vCPU: %s", strerror(errno));

	set_cpuid(fd);
	vm_ioctl(fd, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cs.base = GPA_CODE;
	sregs.cs.selector = 0;
	vm_ioctl(fd, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
	memset(&regs, 0, sizeof(regs));
	regs.rflags = RFLAGS_RESERVED;
	regs.rsp = GUEST_MEMORY_SIZE;
	vm_ioctl(fd, KVM_SET_REGS, &regs, "KVM_SET_REGS");

	vm->vcpu_fd[id] = fd;
	vm->run[id] = run;
	vm->nr_vcpus++;
}

static void put_exception_handlers(struct vm *vm)
{
	uint16_t vector[2] = { 0 };
	uint8_t handler[2] = { OUT_IMM8 };
	unsigned int i;

	for (i = 1; i < NR_EXCEPTIONS; i++) {
		vector[0] = (uint16_t)(GPA_HANDLERS + i * sizeof(handler));
		handler[1] = (uint8_t)i;
		memcpy(vm_memory(vm, i * sizeof(vector)), vector, sizeof(vector));
		memcpy(vm_memory(vm, vector[0]), handler, sizeof(handler));
	}
}

void vm_create(struct vm *vm, unsigned int nr_vcpus)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = GUEST_MEMORY_SIZE,
	};
	__u64 identity_map = IDENTITY_MAP_ADDR;

	memset(vm, 0, sizeof(*vm));
	/* A signal in the middle of it, a stop or a tracer's, is no reason not to have a VM. */
	do {
		vm->fd = ioctl(kvm_fd, KVM_CREATE_VM, 0UL);
	} while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		failed("KVM_CREATE_VM: %s", strerror(errno));
	vm->memory = mmap(NULL, GUEST_MEMORY_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (vm->memory == MAP_FAILED)
		failed("mmap of the guest's memory: %s", strerror(errno));
	put_exception_handlers(vm);
	memcpy(vm_memory(vm, GPA_CODE), guest_code, sizeof(guest_code));

	vm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map, "KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR) < 0)
		failed("KVM_SET_TSS_ADDR: %s", strerror(errno));
	region.userspace_addr = (uintptr_t)vm->memory;
	vm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
	while (vm->nr_vcpus < nr_vcpus)
		vm_add_vcpu(vm);
}

/* The guest went where it must not: says where it is, and what it did there. */
static _Noreturn void failed_run(struct vm *vm, unsigned int vcpu)
{
	const uint16_t *stack = vm_memory(vm, GUEST_MEMORY_SIZE - 3 * sizeof(*stack));
	const struct kvm_run *run = vm->run[vcpu];
	struct kvm_sregs sregs = { 0 };
	struct kvm_regs regs = { 0 };
	uint64_t detail = 0;

	if (run->exit_reason == KVM_EXIT_IO)
		failed("KVM_RUN: vCPU %u took exception %u at 0x%x:0x%x", vcpu, run->io.port, stack[1], stack[0]);

	ioctl(vm->vcpu_fd[vcpu], KVM_GET_REGS, &regs);
	ioctl(vm->vcpu_fd[vcpu], KVM_GET_SREGS, &sregs);
	if (run->exit_reason == KVM_EXIT_MMIO)
		detail = run->mmio.phys_addr;
	else if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		detail = run->internal.suberror;
	else if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		detail = run->fail_entry.hardware_entry_failure_reason;
	failed("KVM_RUN: the guest did not reach its hlt: vCPU %u, exit reason %u (0x%llx), cs 0x%llx, rip 0x%llx, rsp 0x%llx, "
	       "rcx 0x%llx, rflags 0x%llx, cr0 0x%llx", vcpu, run->exit_reason, (unsigned long long)detail, sregs.cs.base, regs.rip,
	       regs.rsp, regs.rcx, regs.rflags, sregs.cr0);
}

void vm_run(struct vm *vm, unsigned int vcpu)
{
	while (ioctl(vm->vcpu_fd[vcpu], KVM_RUN, NULL) < 0) {
		if (errno != EINTR && errno != EAGAIN)
			failed("KVM_RUN: %s", strerror(errno));
	}
	if (vm->run[vcpu]->exit_reason != KVM_EXIT_HLT)
		failed_run(vm, vcpu);
}

unsigned int vcpus_or(unsigned int by_itself, unsigned int min)
{
	unsigned int vcpus = options.vcpus ? options.vcpus : by_itself;

	return vcpus < min ? min : vcpus;
}

static uint8_t *put(uint8_t *code, const void *bytes, size_t nr)
{
	memcpy(code, bytes, nr);
	return code + nr;
}

/* Real mode code with 32-bit operands: an opcode, then a little-endian number. */
static uint8_t *put_load(uint8_t *code, uint8_t opcode, uint32_t value)
{
	const uint8_t start[] = { 0x66, opcode };

	return put(put(code, start, sizeof(start)), &value, sizeof(value));
}

uint64_t vm_guest_writes(struct vm *vm, unsigned int vcpu, const struct guest_write *writes, unsigned int nr)
{
	static const uint8_t wrmsr[] = { 0x0f, 0x30 };
	static const uint8_t store_eax[] = { 0x66, 0xa3 };
	static const uint8_t store_edx[] = { 0x66, 0x89, 0x16 };
	static const uint8_t rdtsc[] = { 0x0f, 0x31 };
	const uint16_t low = GPA_PROGRAM_TSC, high = GPA_PROGRAM_TSC + sizeof(uint32_t);
	struct kvm_regs regs = { .rip = GPA_PROGRAM, .rsp = GUEST_MEMORY_SIZE, .rflags = RFLAGS_RESERVED };
	uint8_t program[PROGRAM_SIZE], *code = program;
	uint64_t tsc;
	unsigned int i;

	if (nr > MAX_WRITES)
		failed("a guest writes %u MSRs at most", MAX_WRITES);
	for (i = 0; i < nr; i++) {
		/* mov ecx, eax, edx */
		code = put_load(code, 0xb9, writes[i].msr);
		code = put_load(code, 0xb8, (uint32_t)writes[i].value);
		code = put_load(code, 0xba, (uint32_t)(writes[i].value >> 32));
		code = put(code, wrmsr, sizeof(wrmsr));
	}
	code = put(code, rdtsc, sizeof(rdtsc));
	code = put(put(code, store_eax, sizeof(store_eax)), &low, sizeof(low));
	code = put(put(code, store_edx, sizeof(store_edx)), &high, sizeof(high));
	code = put(code, guest_code, sizeof(guest_code));
	/* Unchanged code stays translated, where the CPU is emulated. */
	if (memcmp(vm_memory(vm, GPA_PROGRAM), program, (size_t)(code - program)))
		memcpy(vm_memory(vm, GPA_PROGRAM), program, (size_t)(code - program));
	vm_ioctl(vm->vcpu_fd[vcpu], KVM_SET_REGS, &regs, "KVM_SET_REGS");
	vm_run(vm, vcpu);
	memcpy(&tsc, vm_memory(vm, GPA_PROGRAM_TSC), sizeof(tsc));
	return tsc;
}

static void run_all(struct vm *vm)
{
	unsigned int i;

	/* Twice: what one vCPU's entry asks of the others takes effect on their next. */
	for (i = 0; i < 2 * vm->nr_vcpus; i++)
		vm_run(vm, i % vm->nr_vcpus);
}

static void require_no_master_clock(struct vm *vm, const char *why)
{
	struct clock_reading reading;

	get_clock(vm, &reading);
	if (reading.flags & KVM_CLOCK_TSC_STABLE)
		not_measured("the master clock stays in use %s", why);
}

void mode_master(struct vm *vm, unsigned int vcpus)
{
	vm_create_running(vm, vcpus);
}

void mode_before(struct vm *vm, unsigned int vcpus)
{
	vm_create(vm, vcpus);
}

void mode_noclock(struct vm *vm, unsigned int vcpus)
{
	vm_create_running(vm, vcpus);
	make_tsc_unequal(vm, 1);
	vm_run(vm, 1);
	run_all(vm);
	require_no_master_clock(vm, "with unequal TSCs");
}

void mode_old_time(struct vm *vm, unsigned int vcpus)
{
	const struct guest_write old = { MSR_KVM_SYSTEM_TIME, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE };

	vm_create_running(vm, vcpus);
	vm_guest_writes(vm, 0, &old, 1);
	run_all(vm);
	require_no_master_clock(vm, "with the boot vCPU on the old system time MSR");
}

/* By the TSC offset where there is such an attribute (v5.16), else by a TSC that cannot pass for a synchronised one. */
void make_tsc_unequal(struct vm *vm, unsigned int vcpu)
{
	uint64_t offset = 0;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	if (ioctl(vm->vcpu_fd[vcpu], KVM_HAS_DEVICE_ATTR, &attr) < 0) {
		set_msr(vm, vcpu, MSR_IA32_TSC, get_msr(vm, vcpu, MSR_IA32_TSC) + FAR_TSC);
		return;
	}
	vm_ioctl(vm->vcpu_fd[vcpu], KVM_GET_DEVICE_ATTR, &attr, "KVM_GET_DEVICE_ATTR of the TSC offset");
	offset += FAR_TSC;
	vm_ioctl(vm->vcpu_fd[vcpu], KVM_SET_DEVICE_ATTR, &attr, "KVM_SET_DEVICE_ATTR of the TSC offset");
}

bool kernel_has_xen(void)
{
	return kvm_has(KVM_CAP_XEN_HVM) & KVM_XEN_HVM_CONFIG_SHARED_INFO;
}

void xen_enable(struct vm *vm)
{
	struct kvm_xen_hvm_config config = {
		.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
		.msr = XEN_HYPERCALL_MSR,
	};

	vm_ioctl(vm->fd, KVM_XEN_HVM_CONFIG, &config, "KVM_XEN_HVM_CONFIG");
}

void vm_create_running(struct vm *vm, unsigned int nr_vcpus)
{
	unsigned int i;

	vm_create(vm, nr_vcpus);
	for (i = 0; i < nr_vcpus; i++)
		vm_run(vm, i);
}

void get_clock(struct vm *vm, struct clock_reading *reading)
{
	vm_ioctl(vm->fd, KVM_GET_CLOCK, reading, "KVM_GET_CLOCK");
}

void set_clock(struct vm *vm, const struct clock_reading *reading)
{
	vm_ioctl(vm->fd, KVM_SET_CLOCK, reading, "KVM_SET_CLOCK");
}

uint64_t get_msr(struct vm *vm, unsigned int vcpu, uint32_t index)
{
	struct one_msr msr = {
		.header.nmsrs = 1,
		.entry.index = index,
	};

	if (ioctl(vm->vcpu_fd[vcpu], KVM_GET_MSRS, &msr) != 1)
		failed("KVM_GET_MSRS: the kernel refused MSR 0x%x", index);
	return msr.entry.data;
}

void set_msr(struct vm *vm, unsigned int vcpu, uint32_t index, uint64_t value)
{
	struct one_msr msr = {
		.header.nmsrs = 1,
		.entry.index = index,
		.entry.data = value,
	};

	if (ioctl(vm->vcpu_fd[vcpu], KVM_SET_MSRS, &msr) != 1)
		failed("KVM_SET_MSRS: the kernel refused MSR 0x%x", index);
}

bool kernel_has_realtime(void)
{
	return kvm_has(KVM_CAP_ADJUST_CLOCK) & KVM_CLOCK_REALTIME;
}

void require_master_clock(struct vm *vm)
{
	struct clock_reading reading;

	get_clock(vm, &reading);
	if (!(reading.flags & KVM_CLOCK_TSC_STABLE))
		not_measured("the master clock is not in use");
}

void require_realtime(const struct clock_reading *reading)
{
	if (has_realtime(reading))
		return;
	if (!kernel_has_realtime())
		not_measured("KVM_GET_CLOCK has no KVM_CLOCK_REALTIME before v5.16");
	not_measured("KVM_GET_CLOCK gives no realtime here");
}
