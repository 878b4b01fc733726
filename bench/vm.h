/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM of up to two vCPUs that can do one thing, halt; and the clock ioctls on it. All functions fail() the case when
 * the kernel refuses.
 *
 * The installed headers may be older than the kernel: what came after v5.10 is defined here.
 */
#ifndef VM_H
#define VM_H

#include <linux/kvm.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>

/* KVM_GET_CLOCK: flags since v5.16, and the struct with the fields that they announce; its size never changed. */
#ifndef KVM_CLOCK_REALTIME
#define KVM_CLOCK_REALTIME	(1 << 2)
#endif
#ifndef KVM_CLOCK_HOST_TSC
#define KVM_CLOCK_HOST_TSC	(1 << 3)
#endif

struct clock_reading {
	__u64 clock;
	__u32 flags;
	__u32 pad0;
	__u64 realtime;
	__u64 host_tsc;
	__u32 pad[4];
};

_Static_assert(sizeof(struct clock_reading) == sizeof(struct kvm_clock_data), "KVM_GET_CLOCK carries the size");

/* vCPU attribute since v5.16 */
#ifndef KVM_VCPU_TSC_CTRL
#define KVM_VCPU_TSC_CTRL	0
#define KVM_VCPU_TSC_OFFSET	0
#endif

/* Xen HVM guests, since v5.12 */
#ifndef KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL
#define KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL	(1 << 1)
#endif
#ifndef KVM_XEN_HVM_CONFIG_SHARED_INFO
#define KVM_XEN_HVM_CONFIG_SHARED_INFO		(1 << 2)
#endif

/* Documentation/virt/kvm/x86/msr.rst */
#define MSR_IA32_TSC			0x10
#define MSR_KVM_WALL_CLOCK		0x11
#define MSR_KVM_WALL_CLOCK_NEW		0x4b564d00
#define MSR_KVM_SYSTEM_TIME_NEW		0x4b564d01
#define KVM_SYSTEM_TIME_ENABLE		1

/* Guest physical memory: a page each for the code, the wall clock, the vCPU's time and Xen's shared info. */
#define GUEST_PAGE_SIZE		0x1000
#define GPA_CODE		0x0
#define GPA_WALL_CLOCK		0x1000
#define GPA_VCPU_TIME		0x2000
#define GPA_XEN_SHARED_INFO	0x3000
#define GUEST_MEMORY_SIZE	0x4000

#define MAX_VCPUS	2

/*
 * Farther off than the second within which KVM takes a TSC write for an attempt to synchronise, at every frequency
 * below 1 THz; and far from wrapping.
 */
#define FAR_TSC		(1ULL << 40)

/* The ABI of asm/pvclock-abi.h */
struct wall_clock {
	__u32 version;
	__u32 sec;
	__u32 nsec;
};

struct vcpu_time {
	__u32 version;
	__u32 pad0;
	__u64 tsc_timestamp;
	__u64 system_time;
	__u32 tsc_to_system_mul;
	__s8 tsc_shift;
	__u8 flags;
	__u8 pad[2];
};

struct vm {
	int fd;
	unsigned int nr_vcpus;
	int vcpu_fd[MAX_VCPUS];
	struct kvm_run *run[MAX_VCPUS];
	uint8_t *memory;
};

/* Opens /dev/kvm; on failure gives a negative errno or, for an interface that is not KVM's, -EPROTO. */
int kvm_open(void);
/* KVM_CHECK_EXTENSION: 0 when the kernel has not got it. */
int kvm_has(int cap);

void vm_create(struct vm *vm, unsigned int nr_vcpus);
void vm_add_vcpu(struct vm *vm);
/* Runs the vCPU up to its next halt: pending clock updates take effect on the way into the guest. */
void vm_run(struct vm *vm, unsigned int vcpu);
/* A VM all of whose vCPUs have run once. */
void vm_create_running(struct vm *vm, unsigned int nr_vcpus);
void *vm_memory(struct vm *vm, uint64_t gpa);
void vm_ioctl(int fd, unsigned long request, const void *arg, const char *name);

void get_clock(struct vm *vm, struct clock_reading *reading);
void set_clock(struct vm *vm, const struct clock_reading *reading);
uint64_t get_msr(struct vm *vm, unsigned int vcpu, uint32_t index);
void set_msr(struct vm *vm, unsigned int vcpu, uint32_t index, uint64_t value);

/* The kernel knows KVM_CLOCK_REALTIME at all (v5.16). */
bool kernel_has_realtime(void);
/* These end the case as not measured, with the reason. */
void require_master_clock(struct vm *vm);
void require_realtime(const struct clock_reading *reading);

static inline bool has_realtime(const struct clock_reading *reading)
{
	return reading->flags & KVM_CLOCK_REALTIME;
}

/* The oracle: the wall-clock time at which this VM's clock was zero. */
static inline int64_t reading_epoch(const struct clock_reading *reading)
{
	return (int64_t)(reading->realtime - reading->clock);
}

/* accuracy.c: puts the vCPU's TSC far from the others', which keeps the master clock off from the next run on. */
void make_tsc_unequal(struct vm *vm, unsigned int vcpu);

#endif /* VM_H */
