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

/* Real mode's exceptions, but for the first, whose vector is where the code is: each ends the run, by a port write. */
#define NR_EXCEPTIONS	32
#define GPA_HANDLER	(GPA_CODE + 0x400)
static const uint8_t handler[] = {
	/* out 0, al */
	0xe6, 0x00,
};

/* The guest writes an MSR: mov ecx, mov eax and mov edx with 32-bit operands, wrmsr. */
struct write_code {
	uint8_t mov_ecx[2];
	uint32_t msr;
	uint8_t mov_eax[2];
	uint32_t low;
	uint8_t mov_edx[2];
	uint32_t high;
	uint8_t wrmsr[2];
} __attribute__((packed));

/* And reads its TSC: rdtsc, mov [GPA_PROGRAM_TSC], eax, mov [GPA_PROGRAM_TSC + 4], edx. */
static const uint8_t read_tsc[] = {
	0x0f, 0x31,
	0x66, 0xa3, GPA_PROGRAM_TSC & 0xff, GPA_PROGRAM_TSC >> 8,
	0x66, 0x89, 0x16, (GPA_PROGRAM_TSC + 4) & 0xff, GPA_PROGRAM_TSC >> 8,
};

#define MAX_WRITES	4

/* The MSR range of Xen's hypercall page starts here. */
#define XEN_HYPERCALL_MSR	0x40000000

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

void vm_create(struct vm *vm, unsigned int nr_vcpus)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = GUEST_MEMORY_SIZE,
	};
	const uint16_t vector[] = { GPA_HANDLER, 0 };
	__u64 identity_map = IDENTITY_MAP_ADDR;
	unsigned int i;

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
	for (i = 1; i < NR_EXCEPTIONS; i++)
		memcpy(vm_memory(vm, i * sizeof(vector)), vector, sizeof(vector));
	memcpy(vm_memory(vm, GPA_HANDLER), handler, sizeof(handler));
	memcpy(vm_memory(vm, GPA_CODE), guest_code, sizeof(guest_code));

	vm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map, "KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR) < 0)
		failed("KVM_SET_TSS_ADDR: %s", strerror(errno));
	region.userspace_addr = (uintptr_t)vm->memory;
	vm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
	while (vm->nr_vcpus < nr_vcpus)
		vm_add_vcpu(vm);
}

/* The guest went where it must not: says where it is, and where an exception took it away. */
static _Noreturn void failed_run(struct vm *vm, unsigned int vcpu)
{
	const uint16_t *stack = vm_memory(vm, GUEST_MEMORY_SIZE - 3 * sizeof(*stack));
	const struct kvm_run *run = vm->run[vcpu];
	struct kvm_sregs sregs = { 0 };
	struct kvm_regs regs = { 0 };

	if (run->exit_reason == KVM_EXIT_IO)
		failed("KVM_RUN: vCPU %u took an exception at 0x%x:0x%x", vcpu, stack[1], stack[0]);
	ioctl(vm->vcpu_fd[vcpu], KVM_GET_REGS, &regs);
	ioctl(vm->vcpu_fd[vcpu], KVM_GET_SREGS, &sregs);
	failed("KVM_RUN: vCPU %u did not reach its hlt: exit reason %u (0x%llx), cs 0x%llx, rip 0x%llx, cr0 0x%llx",
	       vcpu, run->exit_reason, run->hw.hardware_exit_reason, sregs.cs.base, regs.rip, sregs.cr0);
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

void vm_create_running(struct vm *vm, unsigned int nr_vcpus)
{
	unsigned int i;

	vm_create(vm, nr_vcpus);
	for (i = 0; i < nr_vcpus; i++)
		vm_run(vm, i);
}

uint64_t vm_guest_writes(struct vm *vm, unsigned int vcpu, const struct guest_write *writes, unsigned int nr)
{
	struct kvm_regs regs = { .rip = GPA_PROGRAM, .rsp = GUEST_MEMORY_SIZE, .rflags = RFLAGS_RESERVED };
	uint8_t program[MAX_WRITES * sizeof(struct write_code) + sizeof(read_tsc) + sizeof(guest_code)];
	uint8_t *code = program;
	uint64_t tsc;
	unsigned int i;

	if (nr > MAX_WRITES)
		failed("a guest writes %u MSRs at most", MAX_WRITES);
	for (i = 0; i < nr; i++) {
		const struct write_code write = {
			.mov_ecx = { 0x66, 0xb9 }, .msr = writes[i].msr,
			.mov_eax = { 0x66, 0xb8 }, .low = (uint32_t)writes[i].value,
			.mov_edx = { 0x66, 0xba }, .high = (uint32_t)(writes[i].value >> 32),
			.wrmsr = { 0x0f, 0x30 },
		};

		code = mempcpy(code, &write, sizeof(write));
	}
	code = mempcpy(code, read_tsc, sizeof(read_tsc));
	code = mempcpy(code, guest_code, sizeof(guest_code));
	/* Unchanged code stays translated, where the CPU is emulated. */
	if (memcmp(vm_memory(vm, GPA_PROGRAM), program, (size_t)(code - program)))
		memcpy(vm_memory(vm, GPA_PROGRAM), program, (size_t)(code - program));
	vm_ioctl(vm->vcpu_fd[vcpu], KVM_SET_REGS, &regs, "KVM_SET_REGS");
	vm_run(vm, vcpu);
	memcpy(&tsc, vm_memory(vm, GPA_PROGRAM_TSC), sizeof(tsc));
	return tsc;
}

void vm_run_all(struct vm *vm)
{
	unsigned int i;

	/* Twice: what one vCPU's entry asks of the others takes effect on their next. */
	for (i = 0; i < 2 * vm->nr_vcpus; i++)
		vm_run(vm, i % vm->nr_vcpus);
}

static bool has_master_clock(struct vm *vm)
{
	struct clock_reading reading;

	get_clock(vm, &reading);
	return reading.flags & KVM_CLOCK_TSC_STABLE;
}

void require_master_clock(struct vm *vm)
{
	if (!has_master_clock(vm))
		not_measured("the master clock is not in use");
}

bool vm_tsc_offset(struct vm *vm, unsigned int vcpu, unsigned long request, uint64_t *offset)
{
	const struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)offset,
	};

	return !ioctl(vm->vcpu_fd[vcpu], request, &attr);
}

/* By the TSC offset, or where there is no such attribute by a TSC that cannot pass for a synchronised one. */
void mode_noclock(struct vm *vm, unsigned int vcpus)
{
	uint64_t offset;

	vm_create_running(vm, vcpus);
	if (!vm_tsc_offset(vm, 1, KVM_GET_DEVICE_ATTR, &offset)) {
		set_msr(vm, 1, MSR_IA32_TSC, get_msr(vm, 1, MSR_IA32_TSC) + FAR_TSC);
	} else {
		offset += FAR_TSC;
		if (!vm_tsc_offset(vm, 1, KVM_SET_DEVICE_ATTR, &offset))
			failed("KVM_SET_DEVICE_ATTR of the TSC offset: %s", strerror(errno));
	}
	vm_run_all(vm);
	if (has_master_clock(vm))
		not_measured("the master clock stays in use with unequal TSCs");
}

void mode_old_time(struct vm *vm, unsigned int vcpus)
{
	const struct guest_write old = { MSR_KVM_SYSTEM_TIME, GPA_VCPU_TIME | KVM_SYSTEM_TIME_ENABLE };

	vm_create_running(vm, vcpus);
	vm_guest_writes(vm, 0, &old, 1);
	vm_run_all(vm);
	if (has_master_clock(vm))
		not_measured("the master clock stays in use with the boot vCPU on the old system time MSR");
}

int vm_tsc_khz(struct vm *vm, unsigned int vcpu)
{
	int khz = ioctl(vm->vcpu_fd[vcpu], KVM_GET_TSC_KHZ, NULL);

	if (khz <= 0)
		failed("KVM_GET_TSC_KHZ gives no frequency");
	return khz;
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

void xen_write_wall_clock(struct vm *vm)
{
	const struct xen_attr attr = XEN_SHARED_INFO_ATTR(GPA_XEN_SHARED_INFO);

	vm_ioctl(vm->fd, XEN_HVM_SET_ATTR, &attr, "KVM_XEN_HVM_SET_ATTR");
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
