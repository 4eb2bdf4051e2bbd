//go:build mutant_25

package planted

// Bug is what is planted in this build.
const Bug = JobsDieWithWorker
