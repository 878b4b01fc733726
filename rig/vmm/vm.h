/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM of up to MAX_VCPUS that can do two things, halt and set up its clock; and the clock ioctls on it. All functions
 * fail() the case when the kernel refuses.
 *
 * The installed headers may be older than the kernel: what came after v5.10 is defined here.
 */
#ifndef VM_H
#define VM_H

#include <asm/kvm_para.h>
#include <linux/kvm.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench.h"

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

#define MSR_IA32_TSC		0x10
/* Documentation/virt/kvm/x86/msr.rst */
#define KVM_SYSTEM_TIME_ENABLE	1

/*
 * Guest physical memory: a page each for the code that halts, the wall clock, the vCPU's time, Xen's shared info, the
 * code that sets up the clock, and what it leaves behind: a CPU that is emulated may lose its way in a page of code
 * that several vCPUs write to while they run it.
 */
#define GUEST_PAGE_SIZE		0x1000
#define GPA_CODE		0x0
#define GPA_WALL_CLOCK		0x1000
#define GPA_VCPU_TIME		0x2000
#define GPA_XEN_SHARED_INFO	0x3000
#define GPA_PROGRAM		0x4000
#define GPA_PROGRAM_TSC		0x5000
#define GUEST_MEMORY_SIZE	0x6000

/* Two clock areas, so that the TSCs of two vCPUs can be apart. */
#define TWO_VCPUS	2

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

/* In flags: the master clock is in use. */
#define PVCLOCK_TSC_STABLE_BIT	1

struct one_msr {
	struct kvm_msrs header;
	struct kvm_msr_entry entry;
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
/* All vCPUs in turns, until what one asks of the others has taken effect. */
void vm_run_all(struct vm *vm);
void *vm_memory(struct vm *vm, uint64_t gpa);

/* One write of an MSR by the guest. */
struct guest_write {
	uint32_t msr;
	uint64_t value;
};

/*
 * The guest itself writes these MSRs, reads its TSC and halts: as the vCPU would by what a kernel does at boot. Returns
 * its TSC.
 */
uint64_t vm_guest_writes(struct vm *vm, unsigned int vcpu, const struct guest_write *writes, unsigned int nr);
void vm_ioctl(int fd, unsigned long request, const void *arg, const char *name);

void get_clock(struct vm *vm, struct clock_reading *reading);
void set_clock(struct vm *vm, const struct clock_reading *reading);
uint64_t get_msr(struct vm *vm, unsigned int vcpu, uint32_t index);
void set_msr(struct vm *vm, unsigned int vcpu, uint32_t index, uint64_t value);

/* KVM_GET_DEVICE_ATTR or KVM_SET_DEVICE_ATTR of the TSC offset: false where there is none, before v5.16. */
bool vm_tsc_offset(struct vm *vm, unsigned int vcpu, unsigned long request, uint64_t *offset);
int vm_tsc_khz(struct vm *vm, unsigned int vcpu);

/* Ends the case as not measured. */
void require_master_clock(struct vm *vm);

static inline int64_t written_epoch(const volatile struct wall_clock *wc)
{
	return wc->sec * NSEC_PER_SEC + wc->nsec;
}

static inline bool has_realtime(const struct clock_reading *reading)
{
	return reading->flags & KVM_CLOCK_REALTIME;
}

/* The oracle: the wall-clock time at which this VM's clock was zero. */
static inline int64_t reading_epoch(const struct clock_reading *reading)
{
	return (int64_t)(reading->realtime - reading->clock);
}

/*
 * What a clock mode makes of a VM, beside vm_create(), before the first run: with the master clock, as all vCPUs have
 * run; with unequal TSCs; with the boot vCPU on the old MSR.
 */
void vm_create_running(struct vm *vm, unsigned int nr_vcpus);
void mode_noclock(struct vm *vm, unsigned int vcpus);
void mode_old_time(struct vm *vm, unsigned int vcpus);

/* The Xen shared info page: whether the kernel has it; turns it on for a VM; has the wall clock in it written. */
bool kernel_has_xen(void);
void xen_enable(struct vm *vm);
void xen_write_wall_clock(struct vm *vm);
/* Where struct shared_info of a 32-bit Xen guest, which is what a new VM is, has its wall clock. */
#define GPA_XEN_WALL_CLOCK	(GPA_XEN_SHARED_INFO + 0x900)
/* KVM_XEN_HVM_SET_ATTR, since v5.12: as in linux/kvm.h, which may be older. */
struct xen_attr {
	__u16 type;
	__u16 pad[3];
	union {
		__u64 gfn;
		__u64 size[8];
	} u;
};
#define XEN_HVM_SET_ATTR	_IOW(KVMIO, 0xc9, struct xen_attr)
#define XEN_SHARED_INFO_ATTR(gpa)	{ .type = 1, .u.gfn = (gpa) / GUEST_PAGE_SIZE }

/* pvclock.c: (a * b) >> shift, for a shift of 32 to 63 and a 64-bit result; and kvmclock, as a guest computes it. */
uint64_t mul_shift(uint64_t a, uint64_t b, unsigned int shift);
uint64_t guest_clock(const struct vcpu_time *time, uint64_t tsc);

#endif /* VM_H */
