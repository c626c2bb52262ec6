// Package tig has of the package of that name what nerdctl's own code refers to.
package tig

// T is the part of testing.T that helpers of tests call.
type T interface {
	Helper()
	FailNow()
	Fail()
	Log(args ...any)
	Name() string
	TempDir() string
}
